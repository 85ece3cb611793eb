"""Which files of a folder are taken, and what is wrong with the others."""

import numpy as np
import pytest
from PIL import Image

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.dataset.checks.folders import check_pairing, check_regularisation, list_folder
from stages.train.native.batch import read_picture


def test_names(small_set):
    names = ["a\nb", " a", "con", "A", "a", "ok", "b\udcff"]
    for name in names:
        small_set.write(name, "x")
    folder, found = list_folder(small_set.root / "captions", ".txt")
    assert {"ok", "a", "A"} <= folder.stems
    assert not {"a\nb", " a", "con"} & folder.stems
    assert {case.rule for case in found} == {"unsafe-name"}
    for case in found:
        assert case.file.encode(), "writable as UTF-8"
        assert case.message.isprintable()
    assert any("differ only in case" in case.message for case in found)


def test_links(small_set):
    (small_set.root / "out.txt").write_text("x")
    folder = small_set.root / "captions"
    (folder / "out.txt").symlink_to(small_set.root / "out.txt")
    (folder / "in.txt").symlink_to("lad_000.txt")
    (folder / "up.txt").symlink_to("../captions/lad_000.txt")
    (folder / "dangling.txt").symlink_to("nowhere")
    (folder / "loop.txt").symlink_to("loop.txt")
    listed, found = list_folder(folder, ".txt")
    stems = listed.stems
    assert {"in", "up"} <= stems
    assert not {"out", "dangling", "loop"} & stems
    assert sorted((case.rule, case.file.rpartition("/")[2]) for case in found) == [
        ("outside-link", "out.txt"),
        ("unreadable-file", "dangling.txt"),
        ("unreadable-file", "loop.txt"),
    ]


def test_pairing(small_set):
    small_set.write("only_text", "x")
    small_set.write("only_pixels", pixels=np.zeros((24, 24, 3), dtype=np.uint8))
    (small_set.root / "data/photo.jpg").write_bytes(b"")
    (small_set.root / "data/more").mkdir()
    (small_set.root / "data/.hidden").write_bytes(b"")
    sprites, ignored = list_folder(small_set.root / "data", ".png")
    captions, none = list_folder(small_set.root / "captions", ".txt")
    found = [*ignored, *none, *check_pairing(sprites, captions)]
    assert sorted((case.rule, case.file.rpartition("/")[2]) for case in found) == [
        ("ignored-file", "more"),
        ("ignored-file", "photo.jpg"),
        ("missing-caption", "only_pixels.png"),
        ("missing-sprite", "only_text.txt"),
    ]


def test_a_folder_that_is_missing(tmp_path):
    folder, (case,) = list_folder(tmp_path / "none", ".png")
    assert (folder.stems, case.rule) == (frozenset(), "no-pairs")


def test_regularisation(tmp_path):
    kept = tmp_path / "2_person"
    kept.mkdir()
    for name, side in (("a", 64), ("b", 32)):
        Image.new("RGB", (side, side)).save(kept / f"{name}.png")
    (kept / "c.jpg").write_bytes(b"")
    pictures, found = check_regularisation(tmp_path, 64, "params.yaml:3")
    assert pictures is None
    assert [(case.file, case.message) for case in found] == [
        ((kept / "b.png").as_posix(), "32x32 pixels; it is resized and cut to 64x64, as sd-scripts does"),
        ((kept / "c.jpg").as_posix(), "not a readable PNG, JPEG, WEBP or BMP (it is no such file)"),
    ]
    (kept / "c.jpg").unlink()
    pictures, _ = check_regularisation(tmp_path, 64, "params.yaml:3")
    assert [picture.repeats for picture in pictures] == [2, 2]


def test_photos_as_cameras_write_them(tmp_path):
    """With a preview as a second frame, and as greys."""
    kept = tmp_path / "1_person"
    kept.mkdir()
    photo = Image.new("RGB", (64, 64), "red")
    photo.save(kept / "a.jpg", "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8))])
    photo.convert("CMYK").save(kept / "b.jpg")
    photo.convert("L").save(kept / "c.bmp")
    photo.save(kept / "d.webp", save_all=True, append_images=[photo])
    pictures, found = check_regularisation(tmp_path, 64, "params.yaml:3")
    assert (len(pictures), found) == (4, [])


@pytest.mark.parametrize(("name", "text", "said"), [
    ("1_x/a.png", b"\xff", "a.txt: not UTF-8"),
    ("1_x/a.png", b"a\0", "a.txt: holds the control character U+0000"),
    ("1_x/a.png", b"x" * 9000, "a.txt: 9,000 bytes; at most 8,192 are read"),
    ("\u00b2_x/a.png", None, "not in a folder <repeats>_<class>"),
    ("10001_x/a.png", None, "not in a folder <repeats>_<class>"),
    ("1_\x1b/a.png", None, "holds the control character '\\x1b'"),
    ("1_x/a\n.png", None, "holds the control character"),
    ("1_x/h\udcff.png", None, "holds the control character '\\udcff'"),
])  # fmt: skip
def test_regularisation_that_no_stage_could_use(tmp_path, name, text, said):
    path = tmp_path / name
    path.parent.mkdir()
    Image.new("RGB", (64, 64)).save(path)
    if text is not None:
        path.with_suffix(".txt").write_bytes(text)
    _, (case,) = check_regularisation(tmp_path, 64, "params.yaml:3")
    assert (case.rule, said in case.message) == ("regularisation", True)
    assert case.file.isprintable()
    assert case.message.isprintable()


def test_regularisation_in_no_such_folder(tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    for folder, named in ((tmp_path, tmp_path / "a.png"), (tmp_path / "none", "params.yaml:3")):
        pictures, (case,) = check_regularisation(folder, 64, "params.yaml:3")
        assert pictures is None
        assert (case.rule, case.file) == ("regularisation", str(named))


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n%%EOF\n"


def test_postscript_under_a_pictures_name_is_never_run(tmp_path, monkeypatch):
    """Pillow hands it to Ghostscript where it may choose the format by itself."""
    from PIL import EpsImagePlugin

    def never(*_, **__):
        raise AssertionError("Ghostscript was called")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", never)
    folder = tmp_path / "1_person"
    folder.mkdir()
    (folder / "a.png").write_bytes(POSTSCRIPT)
    _, (case,) = check_regularisation(tmp_path, 64, "params.yaml:3")
    assert (case.rule, case.message) == (
        "regularisation",
        "not a readable PNG, JPEG, WEBP or BMP (it is no such file)",
    )
    with pytest.raises(SpriteLoraError, match="not a readable PNG"):
        read_picture(folder / "a.png", 64, resize=True)
