"""Codes and colour words against each other and against pixels."""

import re

import numpy as np
import pytest
from places import SHARED

from sprite_lora.art.colour import parse_hex
from sprite_lora.dataset.checks.caption_rule import Caption
from sprite_lora.dataset.checks.captions import check_caption, read_caption
from sprite_lora.dataset.checks.codes import CODE_RULES, disagree, has_colour
from sprite_lora.dataset.checks.sprites import check_sprite

WHITE = (255, 255, 255)


def broken(caption):
    """Ids of the rules that a caption breaks, once for each case."""
    return [rule for rule, find in CODE_RULES.items() for _ in find(caption)]


@pytest.mark.parametrize(
    ("caption", "rules"),
    [
        ("hair (#aaaaaa), eyes (#bbbbbb)", []),
        ("hair (#aaaaaa), eyes (#AAAAAA)", ["hex-shared"]),
        ("hair (#aaaaaa), x, hair (#aaaaaa)", []),
        ("hair (#aaaa)", ["hex-invalid"]),
        ("hair (#aaaaag)", ["hex-invalid"]),
        ("hair (#aaaaaaa)", ["hex-invalid"]),
        ("take # 1", ["hex-invalid"]),
        ("x, #aaaaaa", ["hex-unexplained"]),
        ("hair (#aaaaaa), palette: #aaaaaa", []),
        ("hair (#aaaaaa), palette: #aaaaaa, #aaaaaa", ["hex-duplicate"]),
        ("palette: #aaaaaa, #aaaaaa", ["hex-duplicate", "hex-unexplained"]),
        ("no codes", []),
    ],
)
def test_codes(caption, rules, settings):
    assert broken(Caption(caption, settings)) == rules


def test_shared_names_both_features(settings):
    (message,) = CODE_RULES["hex-shared"](Caption("pink hair (#aaaaaa), solid background (#aaaaaa)", settings))
    assert message == '#aaaaaa is said of "pink hair" and of "solid background"'


@pytest.mark.parametrize(
    ("caption", "rules"),
    [
        ("skin (#f0c09c)", []),
        ("skin (#f0c09d)", ["hex-absent"]),
        ("skin (#f0c09d), #f0c09d", ["hex-absent", "hex-absent"]),
        ("solid green background", []),
        ("solid pink background", ["background"]),
        ("background (#309448)", []),
        ("pink background (#309448)", ["background"]),
        ("background (#f0c09c)", ["background"]),
        ("pink to green gradient background", []),
        ("checkered background", []),
        ("green eyes (#30944a)", ["hex-absent"]),
        ("green eyes (#309448)", []),
        ("purple eyes (#309448)", ["hex-name"]),
        ("purple or green eyes (#309448)", []),
    ],
)
def test_against_pixels(caption, rules, green, settings):
    assert broken(Caption(caption, settings, green)) == rules


def test_absent_names_the_nearest_and_counts_occurrences(green, settings):
    messages = list(CODE_RULES["hex-absent"](Caption("skin (#f0c09d), #f0c09d", settings, green)))
    assert 'of "skin"' in messages[0]
    assert "nearest is #f0c09c" in messages[0]
    assert len(set(messages)) == 2


def test_without_a_sprite_nothing_is_held_against_pixels(settings):
    assert broken(Caption("purple eyes (#309448), pink background", settings)) == []


@pytest.mark.parametrize(
    ("code", "tolerance", "there"), [("#f0c09c", 0, True), ("#f0c29a", 1, False), ("#f0c29a", 2, True)]
)
def test_tolerance_is_levels_per_channel(green, code, tolerance, there):
    assert has_colour(green.colours, code, tolerance) is there


def test_border_leaves_the_shoulders_out(green):
    assert green.border == [((48, 148, 72), 1.0)]


@pytest.mark.parametrize(
    ("phrase", "code"),
    [
        ("medium grey shirt", "#000000"), ("light green eyes", "#4f2526"), ("dark brown hair", "#0083ef"),
        ("black hair", "#fcfe66"), ("bright green eyes", "#dab9aa"), ("white lab coat", "#000000"),
        ("blue lips", "#ccaf91"), ("silver hoop earrings", "#1a1a1a"), ("red hoodie", "#f9b391"),
        ("purple anime cosplay style hair", "#968687"),
    ],
)  # fmt: skip
def test_words_that_contradict_their_code(phrase, code):
    """From the real captions."""
    assert disagree([parse_hex(code)], phrase)


@pytest.mark.parametrize(
    ("phrase", "code"),
    [
        ("dark brown hair", "#030500"), ("dark deep blue eyes", "#020107"), ("medium olive skin", "#dab9aa"),
        ("medium black skin male", "#cd8658"), ("black girl with afro", "#ad7c5e"), ("hair", "#03dc73"),
        ("light pale green eyes", "#dfeee0"), ("grey background", "#a0b1a6"), ("brown eyes", "#4f2526"),
        ("pigmented blue collared shirt", "#081355"), ("red and white hat", "#f0f0f0"),
        ("burnt orange jacket", "#884b2e"), ("black suit", "#343839"), ("golden earrings", "#d4a840"),
    ],
)  # fmt: skip
def test_words_that_pass(phrase, code):
    assert not disagree([parse_hex(code)], phrase)


COLLISION = re.compile(r'hair".*background"|background".*hair"', re.IGNORECASE)

TABLE = {
    "2025-11-09T1034": (0, 0, 0, 89, 89, 0, 0),
    "2025-11-09T1413": (0, 0, 0, 0, 0, 0, 0),
    "2025-11-09T1928": (203, 73, 0, 4, 2, 199, 70),
    "2025-11-09T2331": (203, 127, 0, 2, 1, 200, 70),
    "2025-11-10T0055": (203, 203, 12, 1, 1, 198, 67),
    "2025-11-10T1313": (203, 203, 25, 1, 1, 202, 67),
    "2025-11-10T1714": (33, 0, 0, 0, 0, 0, 0),
    "2025-11-10T2012": (80, 0, 0, 0, 0, 0, 0),
}
"""Files over 75, 150, 225 tokens; absent hexes, their files; files with a shared hex, between hair and background.

Counted independently (shared/real/README.md), but for lad_018_mandarin in the third and fourth row: there `light
skin with whit efacial hair` stands twice, with #c2e19e and with #fec09c, and #c2e19e is said of `light pale green
background` too. A count that keeps one code per phrase misses it (198 and 69, 199 and 69).
"""


@pytest.fixture(scope="module")
def real_sprites():
    if not (SHARED / "real/images").is_dir():
        pytest.skip("../shared/real does not exist")
    paths = sorted((SHARED / "real/images").glob("*.png"))
    return {path.stem: check_sprite(path, 24, WHITE).sprite for path in paths}


@pytest.mark.parametrize("version", TABLE)
def test_real_captions(version, clip, settings, real_sprites):
    found, counts = [], []
    for stem, real in real_sprites.items():
        caption = Caption(read_caption(SHARED / "real/captions" / version / f"{stem}.txt").text, settings, real, clip)
        found += check_caption(caption, stem)
        counts.append(caption.tokens)
    absent = [case.file for case in found if case.rule == "hex-absent"]
    shared = [case for case in found if case.rule == "hex-shared"]
    collisions = [case for case in shared if COLLISION.search(case.message)]
    counted = (
        *(sum(count > limit for count in counts) for limit in (75, 150, 225)),
        len(absent),
        *(len(set(files)) for files in (absent, [case.file for case in shared], [case.file for case in collisions])),
    )
    assert counted == TABLE[version]


def test_pixels_of_real_sprites_are_exact():
    if not (SHARED / "real/images").is_dir():
        pytest.skip("../shared/real does not exist")
    stray = {"lady_012_parasite": 1, "lady_030_grass": 43, "lady_031_paprika": 43}
    for path in [SHARED / f"real/images/{stem}.png" for stem in (*stray, "lad_001_carbon", "lady_000_lemon")]:
        real, found = check_sprite(path, 24, WHITE)
        assert np.shape(real.cells) == (24, 24, 3)
        expected = [f"{stray[path.stem]} of 331776 pixels"] if path.stem in stray else []
        assert [case.message[: len(expected[0])] for case in found if case.rule == "off-grid-pixels"] == expected
