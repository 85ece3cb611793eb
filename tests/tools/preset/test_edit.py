"""Values of params.yaml changed in its text, and not a byte of anything else."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from places import ROOT
from ruamel.yaml.error import YAMLError

from sprite_lora.core.yaml_text import parse
from tools.preset.edit import Setting, edited, same, written

PARAMS = (ROOT / "params.yaml").read_text().split("  # Batches, epochs")[0]
KEYS = [(section, key) for section, keys in parse(PARAMS).items() for key, value in keys.items() if key != "prompts"]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**62), 2**62),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=20),
    st.sampled_from(["no", "1e-4", "0o17", "null", "# x", "a: b", "[", "'", '"', "~", "1_0", "12:30:45", "=", "<<"]),
)
values = (
    scalars
    | st.lists(scalars, max_size=3)
    | st.dictionaries(st.text("abc_", min_size=1, max_size=4), scalars, max_size=2)
)


def setting(value, comment=""):
    return Setting(value, written(value), comment)


@given(values)
def test_a_value_is_written_so_that_yaml_reads_it_back(value):
    assert "\n" not in written(value)
    assert same(parse(f"key: {written(value)}")["key"], value)


@pytest.mark.parametrize("value", ["no", "yes", 1e-5, 1e22, None, True, ["a", 1], {"a": 0.5}, "null", "12"])
def test_yaml_1_1_reads_it_alike(value):
    """PyYAML, with which other tools read params.yaml."""
    assert yaml.safe_load(f"key: {written(value)}")["key"] == value


@given(st.dictionaries(st.sampled_from(KEYS), values, max_size=5))
def test_only_the_lines_of_changed_values_change(new):
    overlay = {}
    for (section, key), value in new.items():
        overlay.setdefault(section, {})[key] = setting(value)
    text, changes = edited(PARAMS, overlay)
    before, after = parse(PARAMS), parse(text)
    for section, keys in before.items():
        for key, value in keys.items():
            assert same(after[section][key], new.get((section, key), value))
    lines = [(one, other) for one, other in zip(PARAMS.splitlines(), text.splitlines(), strict=True) if one != other]
    assert len(lines) == len(changes)
    for one, other in lines:
        assert one.split(":")[0] == other.split(":")[0]
        assert one.partition(" #")[2] == "" or other.endswith(one.partition(" #")[2])


def put(text, key, value, comment="", others=()):
    settings = {name: setting(parse(text)["train"].get(name)) for name in others} | {key: setting(value, comment)}
    return edited(text, {"train": settings})[0]


@pytest.mark.parametrize(
    ("text", "value", "after"),
    [
        ("train:\n  a: 1 # c\n", 22, "train:\n  a: 22 # c\n"),
        ("train:\n  a: 1     # c\n", 22, "train:\n  a: 22    # c\n"),
        ("train:\r\n  a: 1   # c\r\n  b: 2\r\n", 22, "train:\r\n  a: 22  # c\r\n  b: 2\r\n"),
        ("train:\n  a:   # c\n  b: 2\n", 22, "train:\n  a: 22 # c\n  b: 2\n"),
        ("train:\n  a: 'x' # 'y'\n", "no", "train:\n  a: 'no' # 'y'\n"),
        ("train:\n  a:\n    - 1\n    # c\n    - 2\n\n  # d\n  b: 2\n", [3], "train:\n  a: [3]\n\n  # d\n  b: 2\n"),
        ("train:\n  a: |\n    x\n    y\n  b: 2\n", 1, "train:\n  a: 1\n  b: 2\n"),
        ("train: {a: 1, b: 2}  # c\n", [1, None], "train: {a: [1, null], b: 2}  # c\n"),
        ("train:\n    'a' : 1", 2, "train:\n    'a' : 2"),
    ],
)
def test_forms_of_a_value(text, value, after):
    assert put(text, "a", value) == after


@pytest.mark.parametrize(
    ("text", "others", "after"),
    [
        ("train:\n  b: 1 # c\n", ["b"], "train:\n  b: 1 # c\n  a: 2  # why\n"),
        ("train:\n  b: 1", ["b"], "train:\n  b: 1\n  a: 2  # why"),
        ("x: 1\ntrain:\n    # c\n    b: 1\n", [], "x: 1\ntrain:\n    # c\n    a: 2  # why\n    b: 1\n"),
        (
            "train:\n  b: [1,\n    2]\n\n  # d\n  c: 1\n",
            ["b"],
            "train:\n  b: [1,\n    2]\n  a: 2  # why\n\n  # d\n  c: 1\n",
        ),
        ("train: {b: 1}\n", ["b"], "train: {a: 2, b: 1}\n"),
        ("train: {}\n", [], "train: {a: 2}\n"),
        ("train:\r\n  b: 1\r\n", ["b"], "train:\r\n  b: 1\r\n  a: 2  # why\r\n"),
    ],
)
def test_a_new_key_stands_behind_the_one_before_it(text, others, after):
    assert put(text, "a", 2, "why", others) == after


def test_new_keys_keep_their_order():
    text = edited("train:\n  a: 1\n  z: 1\n", {"train": {name: setting(1) for name in "abcz"}})[0]
    assert text == "train:\n  a: 1\n  b: 1\n  c: 1\n  z: 1\n"


def test_values_that_hang_together_are_refused():
    with pytest.raises(YAMLError, match="write the value out"):
        put("train:\n  b: &x 1\n  a: *x\n", "a", 5)


def test_equal_values_stay_as_they_are_written():
    text = "train:\n  a: 2.0e-3\n  b: 32.0\n  c: [1, 2]\n"
    same_values = {"a": setting(0.002), "b": setting(32), "c": setting((1, 2))}
    assert edited(text, {"train": same_values}) == (text, [])
    assert edited(text, {"train": {"b": setting(True)}})[1]
