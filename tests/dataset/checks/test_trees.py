"""Folders of any files, links, pipes and names: findings, never an exception; and what is green can be packaged."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from fuzzing import examples
from hypothesis import given
from hypothesis import strategies as st
from png_files import chunk, header, pixels, png
from small_set import COLOURS, caption, sprite

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.dataset.checks.finding import arrange
from sprite_lora.dataset.checks.folders import check_regularisation, list_folder
from sprite_lora.dataset.checks.whole_set import check_set
from sprite_lora.dataset.package_params import Package
from sprite_lora.dataset.regularisation import read_regularisation
from stages.package.folder import pairs, write_dataset

PACKAGE = Package(name="t", num_repeats=1, art_pixels=24, resolution=48, background="#ffffff")


def sound(number):
    rows = [[tuple(map(int, pixel)) for pixel in row] for row in sprite(COLOURS["green"], number)]
    return png(header(24, 24), pixels(rows, 8))


SPRITES = [sound(number) for number in range(3)]
TEXTS = [caption("green", number).encode() for number in range(3)]
CONTENTS = [
    *SPRITES, *TEXTS, png(header(24, 24), header(9000, 9000), chunk(b"IDAT")),
    b"", b"\0", b"\x1b[31m", b"a\nb", b"\xff", b"x" * 9000, b"\xef\xbb\xbfpixel art, 24x24, x",
]  # fmt: skip
LONG = "i" * 230
NAMES = [
    "a.png", "a.txt", "b.png", "b.txt", "B.png", "c.txt", "c.PNG", "e\nf.png", "g\x1b[1m.txt", "h\udcff.png", ".png",
    ".x.txt", "con.png", "con.txt", f"{LONG}.png", f"{LONG}.txt", "\u202ej.png", "k.png.png", "1_x", "0_y", "\u00b2_z",
    "2_\x1b", "9" * 30 + "_l",
]  # fmt: skip
TARGETS = ["a.png", "a.txt", ".", "..", "nowhere", "/dev/zero", "/etc", "../data/a.png", *NAMES]
ENTRY = st.sampled_from(CONTENTS) | st.sampled_from(["folder", "pipe", *(f"-> {target}" for target in TARGETS)])


def make(folder, tree):
    folder.mkdir(exist_ok=True)
    for name, entry in tree.items():
        path = folder / name
        if isinstance(entry, dict):
            make(path, entry)
        elif isinstance(entry, bytes):
            path.write_bytes(entry)
        elif entry == "pipe":
            os.mkfifo(path)
        elif entry == "folder":
            path.mkdir()
        else:
            path.symlink_to(entry.removeprefix("-> "))


LEAVES = st.dictionaries(st.sampled_from(NAMES), ENTRY, max_size=3)


def with_pairs(suffix, contents):
    """Leaves, and among them often the halves of two sound pairs."""
    sound = {f"{stem}{suffix}": st.just(content) for stem, content in zip("ab", contents, strict=False)}
    return st.tuples(LEAVES, st.fixed_dictionaries({}, optional=sound)).map(lambda both: {**both[0], **both[1]})


@examples(100, 2_000)
@given(with_pairs(".png", SPRITES), with_pairs(".txt", TEXTS))
def test_any_folders_have_findings_or_can_be_packaged(tmp_path_factory, settings, data, captions):
    root = tmp_path_factory.mktemp("tree")
    make(root / "data", data)
    make(root / "captions", captions)
    checked = check_set(root / "data", root / "captions", settings, None)
    found = arrange(checked.findings, {})
    for case in found.cases:
        assert case.file.isprintable()
        assert case.message.isprintable()

    def package():
        stems = pairs(root / "data", root / "captions")
        return write_dataset(root / "out", stems, root / "data", root / "captions", PACKAGE)

    if not found.of("error"):
        assert [item.stem for item in package().items] == [pair.stem for pair in checked.pairs]
    else:
        with suppress(SpriteLoraError):
            package()
    shutil.rmtree(root)


@examples(100, 2_000)
@given(st.dictionaries(st.sampled_from(NAMES), LEAVES | ENTRY, max_size=4))
def test_any_regularisation_folder_has_findings_or_can_be_read(tmp_path_factory, tree):
    root = tmp_path_factory.mktemp("regular")
    make(root, tree)
    pictures, found = check_regularisation(root, 24, "params.yaml:1")
    for case in found:
        assert case.file.isprintable()
        assert case.message.isprintable()
    if pictures is None:
        assert found
    else:
        assert read_regularisation(root) == pictures
    shutil.rmtree(root)


@pytest.fixture
def as_nobody():
    """A folder, and this process without root's right to read everything."""
    folder = Path(f"/tmp/sprite-lora-{os.getpid()}")
    folder.mkdir()
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
    yield folder
    if is_root:
        os.seteuid(0)
    for path in folder.iterdir():
        path.chmod(0o700)
    shutil.rmtree(folder)


def test_what_may_not_be_read_is_said(as_nobody, settings):
    make(as_nobody, {"data": {"a.png": SPRITES[0]}, "captions": {"a.txt": TEXTS[0]}, "closed": {}})
    for name in ("data/a.png", "captions/a.txt", "closed"):
        (as_nobody / name).chmod(0)
    found = check_set(as_nobody / "data", as_nobody / "captions", settings, None).findings
    assert [(case.rule, case.file.rpartition("/")[2], case.message) for case in found] == [
        ("unreadable-image", "a.png", "cannot be read: Permission denied"),
        ("unreadable-file", "a.txt", "cannot be read: Permission denied"),
    ]
    _, (case,) = list_folder(as_nobody / "closed", ".png")
    assert (case.rule, "Permission denied" in case.message) == ("no-pairs", True)
    (case,) = check_regularisation(as_nobody / "closed", 24, "params.yaml:1").findings
    assert case.message == "cannot be listed: Permission denied"
