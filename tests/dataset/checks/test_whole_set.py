"""A whole set of sprites and captions, checked without params.yaml."""

from small_set import caption, sprite

from sprite_lora.dataset.checks.whole_set import check_set


def test_a_clean_set(small_set, settings, clip):
    checked = check_set(small_set.root / "data", small_set.root / "captions", settings, clip)
    assert checked.findings == []
    assert [pair.stem for pair in checked.pairs] == [f"lad_{number:03}" for number in range(8)]
    assert checked.census.captions == 8


def test_every_kind_of_rule(small_set, settings):
    small_set.write("lad_000", small_set.text("lad_001"))
    small_set.write("lad_002", pixels=sprite((1, 2, 3), 0))
    small_set.write("lad_003", small_set.text("lad_003").replace("light", "lihgt"), sprite((1, 2, 3), 0))
    small_set.write("lad_004", "red hair")
    small_set.write("lad_005", pixels=b"")
    small_set.write("lad_008", caption("green", 8))
    checked = check_set(small_set.root / "data", small_set.root / "captions", settings, None)
    assert {case.rule for case in checked.findings} == {
        "same-caption", "background", "duplicate-sprite", "trigger", "unreadable-image", "missing-sprite",
    }  # fmt: skip
    assert {pair.tokens for pair in checked.pairs} == {None}
    for number in range(10, 30):
        small_set.write(f"lad_{number:03}", caption("green", number).replace("light", "marble"))
    small_set.write("lad_009", caption("green", 9).replace("light", "marbel"))
    checked = check_set(small_set.root / "data", small_set.root / "captions", settings, None)
    assert checked.corrections == {"marbel": "marble"}
    (case,) = [case for case in checked.findings if case.rule == "spelling"]
    assert case.file.endswith("captions/lad_009.txt")
