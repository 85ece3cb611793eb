"""Many pairs: the same findings on any number of processes, and hostile files on the way."""

import struct
import zlib

import numpy as np
import pytest

from sprite_lora.dataset.checks import scan
from sprite_lora.dataset.checks.census import Census, order, plain_tags
from sprite_lora.dataset.checks.listing import check_pairing, list_folder, shown
from sprite_lora.dataset.checks.scan import check_pairs
from sprite_lora.dataset.checks.spelling import misspelt


def both(project):
    found = []
    return list_folder(project.root / "data", ".png", found), list_folder(project.root / "captions", ".txt", found)


def everything(chunks):
    pairs, found, census = [], [], Census()
    for checked, more, said in chunks:
        pairs += checked
        found += more
        census.merge(said)
    return pairs, sorted(found), census


def test_processes_change_nothing(project, gate, clip, draw, describe, monkeypatch):
    for number in range(8, 30):
        project.write(
            f"lad_{number:03}", describe("pink", number) + ", x" * (number % 40), draw((248, 152, 192), number)
        )
    project.write("lad_010", b"", b"")
    (project.root / "data/lad_012.png").unlink()
    alone = everything(check_pairs(*both(project), gate, clip, processes=1))
    monkeypatch.setattr(scan, "FEW", 1)
    monkeypatch.setattr(scan, "CHUNK", 4)
    together = everything(check_pairs(*both(project), gate, clip, processes=2))
    assert together == alone
    assert [pair.stem for pair in alone[0]] == sorted(pair.stem for pair in alone[0])
    assert {"truncated", "empty-caption", "unreadable-image"} <= {case.rule for case in alone[1]}


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks, width=24, height=24):
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + b"".join(chunks)
    )


PIXELS = chunk(b"IDAT", zlib.compress(b"\0" * (24 * (24 * 3 + 1)))) + chunk(b"IEND", b"")
BOMBS = {
    "pixels": png(PIXELS, width=2**31 - 1, height=2**31 - 1),
    "width": png(PIXELS, width=10_000_000, height=1),
    "text": png(chunk(b"zTXt", b"k\0\0" + zlib.compress(b"x" * 2**27)), PIXELS),
    "profile": png(chunk(b"iCCP", b"k\0\0" + zlib.compress(b"x" * 2**27)), PIXELS),
    "data": png(chunk(b"IDAT", zlib.compress(b"\0" * 2**27)), chunk(b"IEND", b"")),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_take_no_memory(project, gate, clip, bomb):
    """128 MiB of content in some hundred kilobytes: a finding or harmless, never unpacked in full."""
    import tracemalloc

    project.write("lad_000", pixels=BOMBS[bomb])
    tracemalloc.start()
    _, found, _ = everything(check_pairs(*both(project), gate, clip))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert {case.rule for case in found} <= {"unreadable-image", "background"}
    assert peak < 2**26


@pytest.mark.parametrize("size", [(4096, 4096), (24, 24 * 40)])
def test_large_pictures(project, gate, clip, size):
    project.write("lad_000", pixels=np.zeros((*size, 3), dtype=np.uint8))
    _, found, _ = everything(check_pairs(*both(project), gate, clip))
    assert [case.rule for case in found] == ["off-grid"]


def test_names(project):
    names = ["a\nb", " a", "con", "A", "a", "ok", "b\udcff"]
    for name in names:
        project.write(name, "x")
    found = []
    folder = list_folder(project.root / "captions", ".txt", found)
    assert {"ok", "a", "A"} <= folder.stems
    assert not {"a\nb", " a", "con"} & folder.stems
    assert {case.rule for case in found} == {"unsafe-name"}
    for case in found:
        assert case.file.encode(), "writable as UTF-8"
        assert case.message.isprintable()
    assert any("differ only in case" in case.message for case in found)


def test_links(project):
    (project.root / "out.txt").write_text("x")
    folder = project.root / "captions"
    (folder / "out.txt").symlink_to(project.root / "out.txt")
    (folder / "in.txt").symlink_to("lad_000.txt")
    (folder / "up.txt").symlink_to("../captions/lad_000.txt")
    (folder / "dangling.txt").symlink_to("nowhere")
    (folder / "loop.txt").symlink_to("loop.txt")
    found = []
    stems = list_folder(folder, ".txt", found).stems
    assert {"in", "up"} <= stems
    assert not {"out", "dangling", "loop"} & stems
    assert sorted((case.rule, case.file.rpartition("/")[2]) for case in found) == [
        ("ignored-file", "dangling.txt"),
        ("ignored-file", "loop.txt"),
        ("outside-link", "out.txt"),
    ]


def test_pairing(project):
    project.write("only_text", "x")
    project.write("only_pixels", pixels=np.zeros((24, 24, 3), dtype=np.uint8))
    (project.root / "data/photo.jpg").write_bytes(b"")
    (project.root / "data/more").mkdir()
    (project.root / "data/.hidden").write_bytes(b"")
    found = []
    sprites = list_folder(project.root / "data", ".png", found)
    check_pairing(sprites, list_folder(project.root / "captions", ".txt", found), found)
    assert sorted((case.rule, case.file.rpartition("/")[2]) for case in found) == [
        ("ignored-file", "more"),
        ("ignored-file", "photo.jpg"),
        ("missing-caption", "only_pixels.png"),
        ("missing-sprite", "only_text.txt"),
    ]


def test_shown_paths_are_text():
    assert shown("a/b\udcff.png") == "a/b\\udcff.png"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("multoclored", "multicolored"), ("undenarth", "underneath"), ("blodne", "blonde"), ("meidum", "medium")],
)
def test_spelling(wrong, right):
    from collections import Counter

    assert misspelt(Counter({right: 20, wrong: 1, "hair": 200})) == {wrong: right}


@pytest.mark.parametrize(
    ("rare", "frequent"),
    [
        ("shirts", "shirt"), ("curly", "curls"), ("brighter", "lighter"), ("tshirt", "shirt"),
        ("reflective", "reflection"),
        ("voluptuous", "voluminous"), ("yellow", "fellow"), ("greens", "green"),
    ],
)  # fmt: skip
def test_words_of_their_own(rare, frequent):
    from collections import Counter

    assert misspelt(Counter({frequent: 20, "bright": 20, rare: 5 if rare == "yellow" else 1})) == {}


def test_frequent_misspellings_are_words():
    from collections import Counter

    assert misspelt(Counter({"colored": 20, "colroed": 10})) == {}


def test_census_counts_captions_not_words():
    census = Census()
    for caption in ("red hair (#aaaaaa), hat, hat", "red hair, palette: #aaaaaa"):
        census.add(caption)
    assert census.words == {"red": 2, "hair": 2, "hat": 1, "palette": 1}
    assert census.tags == {"red hair": 2, "hat": 1}
    assert plain_tags("a (#aaaaaa), #bbbbbb, palette: #cccccc, b (c)") == ["a", "b (c"]


def test_order():
    census = Census()
    captions = [f"{colour} hair, {colour} eyes" for colour in ("red", "blue", "grey", "green", "brown")]
    for caption in captions:
        census.add(caption)
    said = order(captions, census)
    assert said.broken(["pink hair", "pink eyes"]) is None
    assert said.broken(["pink eyes", "pink hair"]) == ("pink eyes", "pink hair")
    assert said.broken(["pink eyes", "hat"]) is None
