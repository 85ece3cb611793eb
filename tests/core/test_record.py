from sprite_lora.core import record


def test_a_model_card_changes_no_base(tmp_path):
    (tmp_path / "unet.safetensors").write_bytes(b"w")
    before = record.base_hash(tmp_path)
    (tmp_path / "README.md").write_text("card")
    assert record.base_hash(tmp_path) == before
    (tmp_path / "unet.safetensors").write_bytes(b"v")
    assert record.base_hash(tmp_path) != before


def test_fingerprint_covers_every_value_and_not_itself():
    one = record.stamped({"a": 1, "b": {"c": 2}})
    assert record.fingerprint(one) == one["fingerprint"]
    assert record.fingerprint({"a": 1, "b": {"c": 3}}) != one["fingerprint"]
