"""The committed sample set is what the generator draws, and its captions say what its pixels show."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from places import ROOT

from demo.portraits.__main__ import COUNT, main, png, sample_set
from demo.portraits.persona import BACKGROUNDS, CLOTH, EYES, HAIR, LIPS, METAL, RGB, SKIN, Persona, caption, personas
from demo.portraits.pixel import background, draw
from sprite_lora.art.colour import is_named
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.dataset.caption import background_word, tags
from sprite_lora.dataset.tokens import clip_tokenizer


@pytest.fixture(scope="module")
def people() -> dict[str, Persona]:
    return sample_set()


@pytest.fixture(scope="module")
def crowd() -> list[Persona]:
    """Many more people than the set holds, so that rare pairs of attributes come up too."""
    return personas(1500, seed=99)


def colours(picture: NDArray[np.uint8]) -> Counter[RGB]:
    return Counter((int(red), int(green), int(blue)) for red, green, blue in picture.reshape(-1, 3))


def border(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The top row and the side columns down to the shoulders."""
    return np.concatenate([picture[0], picture[:18, 0], picture[:18, -1]])


def test_committed_files_are_what_the_generator_writes(people: dict[str, Persona]) -> None:
    assert {path.name for path in (ROOT / "data").glob("*.png")} == {f"{stem}.png" for stem in people}
    assert {path.name for path in (ROOT / "captions").glob("*.txt")} == {f"{stem}.txt" for stem in people}
    for stem, someone in people.items():
        assert (ROOT / "captions" / f"{stem}.txt").read_bytes() == caption(someone).encode() + b"\n"
        with Image.open(ROOT / "data" / f"{stem}.png") as image:
            assert (image.mode, image.size) == ("RGB", (24, 24))
            assert np.array_equal(np.asarray(image), draw(someone)), stem


def test_set_is_whole_and_without_duplicates(people: dict[str, Persona]) -> None:
    assert len(people) == COUNT == 203
    assert Counter(someone.kind for someone in people.values()) == {"lad": 102, "lady": 101}
    assert len({caption(someone) for someone in people.values()}) == COUNT
    assert len({draw(someone).tobytes() for someone in people.values()}) == COUNT
    assert len({someone.background for someone in people.values()}) == len(BACKGROUNDS)


def test_captions_begin_with_the_trigger_and_end_with_the_style(people: dict[str, Persona]) -> None:
    for stem, someone in people.items():
        words = tags(caption(someone))
        assert words[:2] == ["pixel art", "24x24"]
        assert words[2] == f"portrait of bespoke punk {stem.split('_')[0]}"
        assert words[-3:] == ["sharp pixel edges", "hard color borders", "retro pixel art style"]
        assert len(set(words)) == len(words)


def test_captions_are_not_cut_at_75_tokens(crowd: list[Persona]) -> None:
    assert max(clip_tokenizer().counts([caption(someone) for someone in crowd])) <= 70


def test_background_of_the_caption_is_the_commonest_colour_at_the_border(crowd: list[Persona]) -> None:
    for someone in crowd:
        said = background_word(caption(someone))
        assert said == {"gray": "grey"}.get(someone.background, someone.background)
        picture = draw(someone)
        behind = background(someone.background, someone.background_kind)
        free = (border(picture) == border(behind)).all(axis=1)
        assert free.mean() > 0.4, "the border shows too little of the background"
        found, _ = colours(border(picture)[free]).most_common(1)[0]
        assert found == BACKGROUNDS[someone.background], caption(someone)
        if someone.background_kind == "solid":
            assert len(colours(border(picture)[free])) == 1


@pytest.mark.parametrize("kind", ["checkered", "striped", "dotted", "brick"])
@pytest.mark.parametrize("word", BACKGROUNDS)
def test_patterned_background_has_two_tones_of_which_the_named_one_leads(word: str, kind: str) -> None:
    found = colours(background(word, kind))
    assert len(found) == 2
    (_, second) = found.values()
    assert found[BACKGROUNDS[word]] >= second


@pytest.mark.parametrize("names", [BACKGROUNDS, HAIR], ids=["backgrounds", "hair"])
def test_colours_bear_their_names(names: dict[str, RGB]) -> None:
    assert [word for word, rgb in names.items() if not is_named(rgb, word)] == []


def test_what_the_caption_names_can_be_seen(crowd: list[Persona]) -> None:
    for someone in crowd:
        said, found = caption(someone), colours(draw(someone))
        named = {
            SKIN[someone.skin]: 12,
            CLOTH[someone.shirt_colour]: 10,
            BACKGROUNDS[someone.background]: 60,
        }
        if someone.eyes_shown:
            named[EYES[someone.eyes]] = 1
        if someone.hair_shown:
            named[HAIR[someone.hair]] = 2
        if someone.hat:
            named[CLOTH[someone.hat_colour] if someone.hat != "crown" else METAL["gold"]] = 10
        if someone.earrings:
            named[METAL[someone.earrings]] = 1
        if someone.lipstick:
            named[LIPS[someone.lipstick]] = 1
        for rgb, least in named.items():
            assert found[rgb] >= least, f"{said}: {rgb} on {found[rgb]} pixels"


def test_what_is_hidden_is_not_named(crowd: list[Persona]) -> None:
    shaded = [someone for someone in crowd if someone.glasses == "sunglasses"]
    swallowed = [someone for someone in crowd if not someone.hair_shown and someone.hair_style != "bald"]
    assert len(shaded) > 20
    assert len(swallowed) > 20
    for someone in shaded:
        assert "eyes" not in caption(someone)
        assert colours(draw(someone))[EYES[someone.eyes]] == 0
    for someone in swallowed:
        assert "hair" not in caption(someone)
        assert someone.beard not in ("", "stubble") or colours(draw(someone))[HAIR[someone.hair]] == 0


def test_palettes_are_small(people: dict[str, Persona]) -> None:
    counts = sorted(len(colours(draw(someone))) for someone in people.values())
    assert counts[len(counts) // 2] <= 20
    assert counts[-1] <= 28


def test_first_people_stay_when_the_crowd_grows() -> None:
    assert personas(5, seed=1) == personas(50, seed=1)[:5]
    assert personas(5, seed=1) != personas(5, seed=2)


def test_command_writes_the_set_and_spares_other_sprites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["portraits"])
    main()
    main()
    for folder in ("data", "captions"):
        written = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
        assert written == {path.name: path.read_bytes() for path in (ROOT / folder).iterdir() if path.name[0] != "."}
    Path("data/mine.png").write_bytes(png(np.zeros((24, 24, 3), np.uint8)))
    with pytest.raises(SpriteLoraError, match=r"mine\.png"):
        main()


def test_sheet_in_the_readme_is_current(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["portraits", "--sheet", str(tmp_path / "sheet.png")])
    main()
    with Image.open(tmp_path / "sheet.png") as fresh, Image.open(ROOT / "docs" / "sample-set.png") as committed:
        assert np.array_equal(np.asarray(fresh), np.asarray(committed))
    assert (ROOT / "docs" / "sample-set.png").stat().st_size < 100_000
