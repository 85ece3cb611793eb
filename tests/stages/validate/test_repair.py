"""Repairs on request: safe, complete, idempotent; nothing is written that Git could not bring back."""

import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import SHARED

from sprite_lora.dataset.caption import tags
from sprite_lora.dataset.checks.codes import check_codes, check_colours
from sprite_lora.dataset.checks.limits import Gate
from sprite_lora.dataset.checks.repair import Repairs, repaired
from sprite_lora.dataset.checks.sprites import Picture
from sprite_lora.dataset.checks.words import check_words

CELLS = np.full((24, 24, 3), (48, 148, 72), dtype=np.uint8)
CELLS[8:20, 7:17] = (240, 192, 156)
PICTURE = Picture(b"", CELLS, np.array([0x309448, 0xF0C09C], dtype=np.uint32))
REPAIRS = Repairs(("pixel art", "24x24"), {"blodne": "blonde", "undenarth": "underneath"}, 0)
START = "pixel art, 24x24, "


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("hair (#309448)", "hair (#309448)"),
        ("hair (#309449)", "hair"),
        ("red hair (#309448)", "red hair"),
        ("red background (#309448)", "red background (#309448)"),
        ("green hair (#309448), skin (#f0c09c)", "green hair (#309448), skin (#f0c09c)"),
        ("hair (#309448), solid background (#309448)", "hair, solid background (#309448)"),
        ("hair (#f0c09c), solid background (#f0c09c)", "hair (#f0c09c), solid background"),
        ("green hair (#309448), lips (#309448)", "green hair (#309448), lips"),
        ("hair (#309448), lips (#309448)", "hair, lips"),
        ("hair (#309448), x, hair (#309448)", "hair (#309448), x"),
        ("a, palette: #309448, #f0c09c, b, #000000", "a, b"),
        ("a (of #309448, #f0c09c), b", "a (of), b"),
        ("a, (#309448), b (#12345)", "a, b"),
        ("a, b, a", "a, b"),
        ("Blodne hair, BLODNE, undenarth", "Blonde hair, BLONDE, underneath"),
        ("a,b ,  c", "a,b ,  c"),
    ],
)
def test_repairs(before, after):
    assert repaired(START + before, PICTURE, REPAIRS) == START + after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("red hair, pixel art, 24x24", "pixel art, 24x24, red hair"),
        ("24x24, red hair", "pixel art, 24x24, red hair"),
        ("Pixel Art, 24x24, red hair", "pixel art, 24x24, red hair"),
        ("\ufeffpixel art, 24x24, x\r\nsecond, #line\r\n", "pixel art, 24x24, x\r\nsecond, #line\r\n"),
        ("  pixel art, 24x24, x \n", "  pixel art, 24x24, x \n"),
        ("\n\nx", "\n\nx"),
        ("", ""),
    ],
)
def test_trigger_and_what_stays(before, after):
    assert repaired(before, PICTURE, REPAIRS) == after


def test_a_sprite_that_cannot_be_read_proves_nothing():
    assert repaired(START + "hair (#123456), eyes (#ff0000)", None, REPAIRS) == START + "hair (#123456), eyes (#ff0000)"


PHRASE = st.sampled_from(
    [
        "hair",
        "red hair",
        "green eyes",
        "solid background",
        "green background",
        "blodne beard",
        "pixel art",
        "24x24",
        "x",
    ]
)
CODE = st.sampled_from([" (#309448)", " (#f0c09c)", " (#000000)", "", "", " (#12345)", " #309448"])
BARE = st.sampled_from(["#309448", "#000000", "palette: #f0c09c", "", "(#309448", ")", "# x"])
CAPTION = st.lists(st.one_of(st.builds(str.__add__, PHRASE, CODE), BARE), max_size=12).map(", ".join)
SAFE = {
    "bom",
    "trigger",
    "duplicate-tag",
    "hex-invalid",
    "hex-absent",
    "hex-shared",
    "hex-duplicate",
    "hex-unexplained",
    "hex-name",
}


@given(st.sampled_from(["", START, "\ufeff"]), CAPTION)
def test_repaired_captions_have_nothing_left_to_repair(start, caption):
    once = repaired(start + caption, PICTURE, REPAIRS)
    assert repaired(once, PICTURE, REPAIRS) == once
    if caption.strip():
        found = []
        check_words(once, "", Gate(24, (0, 0, 0), REPAIRS.trigger, 0, None, True, None), found)
        check_colours(once, check_codes(once, "", found), PICTURE, 0, "", found)
        assert {case.rule for case in found} & SAFE == set()


@given(CAPTION)
def test_no_word_is_lost(caption):
    """Codes, repetitions and misspellings aside, every word of the caption is still there."""
    import re

    def words(text):
        plain = re.sub(r"#\w*", " ", text.lower().replace("blodne", "blonde")).replace("palette:", " ")
        return set(re.findall(r"\w+", plain))

    assert words(caption) <= words(repaired(START + caption, PICTURE, REPAIRS))


@given(st.text(max_size=80))
def test_any_text(text):
    once = repaired(text, PICTURE, REPAIRS)
    assert repaired(once, PICTURE, REPAIRS) == once
    if text.strip() and not text.startswith(("\n", "\r")):
        assert tags(once)[:2] == ["pixel art", "24x24"] or not once.splitlines()[0].strip()


def git(project, *arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=project.root, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def spoilt(project):
    """Two captions with safe repairs to make."""
    project.write("lad_001", "\ufeff" + project.text("lad_001"))
    project.write("lad_002", project.text("lad_002").replace("light skin", "light skin, #123456"))
    return project


def captions(project):
    return {path.name: path.read_bytes() for path in (project.root / "captions").iterdir()}


def test_suggest_prints_a_patch_and_writes_nothing(spoilt, tmp_path):
    before = captions(spoilt)
    done = spoilt.validate("--suggest")
    assert done.returncode == 0
    assert captions(spoilt) == before
    assert not (spoilt.root / "reports").exists()
    assert "2 of 8 captions" in done.stderr
    (tmp_path / "repairs.diff").write_text(done.stdout)
    git(spoilt, "init", "-q")
    git(spoilt, "apply", "repairs.diff")
    assert spoilt.validate().stdout.startswith("8 pairs, no errors, 0 warnings\n")


def test_write_needs_git_to_hold_the_originals(spoilt):
    before = captions(spoilt)
    for step in ((), ("init", "-q"), ("add", "-A")):
        if step:
            git(spoilt, *step)
        done = spoilt.validate("--suggest", "--write")
        assert done.returncode == 1
        assert "captions/lad_001.txt and 1 more are not committed" in done.stderr
        assert captions(spoilt) == before
    git(spoilt, "commit", "-qm", "captions")
    spoilt.write("lad_002", spoilt.text("lad_002") + " ")
    assert spoilt.validate("--suggest", "--write").returncode == 1, "one of them was changed since"
    git(spoilt, "commit", "-qam", "again")
    done = spoilt.validate("--suggest", "--write")
    assert done.returncode == 0
    assert git(spoilt, "diff", "--name-only").split() == ["captions/lad_001.txt", "captions/lad_002.txt"]
    assert spoilt.validate().stdout.startswith("8 pairs, no errors, 0 warnings\n")
    git(spoilt, "checkout", "--", "captions")
    assert captions(spoilt)["lad_001.txt"] == before["lad_001.txt"]


def test_write_alone_says_what_it_goes_with(project):
    done = project.validate("--write")
    assert done.returncode == 2
    assert "--suggest" in done.stderr


def test_from_red_to_green_by_following_it(tmp_path, project):
    """The reference case: the captions of the failed runs, the gate's own repairs, nothing by hand."""
    shared = SHARED / "real"
    if not shared.is_dir():
        pytest.skip("../shared/real is not here")
    for path in [*(project.root / "captions").iterdir(), *(project.root / "data").iterdir()]:
        path.unlink()
    for path in sorted((shared / "captions/2025-11-10T0055").glob("lad_0[0-3]*.txt")):
        project.write(path.stem, path.read_bytes(), (shared / f"images/{path.stem}.png").read_bytes())
    first = project.text("lad_001_carbon").split(", #")[0]
    project.edit(train__max_token_length=225, sample__prompts={"one": first})
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "captions")
    assert project.validate().returncode == 1
    assert {"truncated", "hex-shared"} <= project.report()["counts"].keys()
    assert project.validate("--suggest", "--write").returncode == 0
    done = project.validate()
    assert done.returncode == 0, done.stdout
    assert not {"hex-name", "hex-unexplained", "truncated", "spelling"} & project.report()["counts"].keys()
