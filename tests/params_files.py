"""params.yaml as hypothesis makes it, from the sections' own models: a new key is covered by itself."""

import math
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from annotated_types import Ge, Gt, Le, Lt
from hypothesis import strategies as st
from places import ROOT
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sprite_lora.core.yaml_text import parse
from sprite_lora.kohya.sd_scripts import ARGUMENTS
from stages.validate.settings import SECTIONS

GOOD = parse((ROOT / "params.yaml").read_text())

FIELDS = {(section.key, name): field for section in SECTIONS for name, field in section.model_fields.items()}

NESTED = [
    *((*where, name) for where, field in FIELDS.items() if isinstance(field.annotation, type)
      and issubclass(field.annotation, BaseModel) for name in field.annotation.model_fields),
    *(("train", "kohya_args", name) for name in ARGUMENTS),
    ("sample", "prompts", "one"), ("sample", "prompts", "A b"), ("validate", "severity", "trigger"),
]  # fmt: skip

PLACES = [*FIELDS, *NESTED]

WORDS = [
    "", " ", ".", "..", "/", "/etc", "~", "~/x", "../x", "a/../../x", "s3://bucket/x", "https://example.org/x",
    "remote://r/x", "file:///etc", "data", "data/x", "outputs", "outputs/dataset", "reports", "state", "state/train",
    "state/caches", ".git", ".dvc/cache", "logs/$(touch X)", "a;b", "a b", "'", '"', "${train.seed}", "{x}", "\\",
    "no", "yes", "off", "null", "nan", "inf", "1e-4", "1e999", "0x10", "-", "--flag", "a=b", "lr=1", "betas=1",
    "eps=" + "(" * 300, "=", "a" * 300, "ü" * 200, "\0", "\x1b[31m", "\n", "\u202e", "\ud800", "a,b", "#ffffff",
    "HEAD", "2001-01-01", "networks.lora", "native",
]  # fmt: skip

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 300), st.integers(-(2**70), 2**70), st.sampled_from([10**30, 10**400]),
    st.floats(), st.sampled_from(WORDS), st.text(max_size=20), st.text("\ud800\udfff\0\x1b{}$", max_size=5),
    st.dates(), st.binary(max_size=5),
)  # fmt: skip
keys = st.one_of(st.sampled_from([name for _, name in FIELDS]), st.text(max_size=8), st.integers(0, 3))
nonsense = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=8,
)

SNIPPETS = [
    "&a ", "*a", "<<: *a\n", "!!python/object/apply:os.system [x]", "!!int x", "!!binary é", "!!timestamp 1", "!x ",
    "? ", ": ", "- ", "[", "]", "{", "}", "---\n", "...\n", "%YAML 1.1\n", "\t", "\x85", "\ufeff", "\0", "|\n",
    ">-\n", "'", '"', "#", "paths:\n", "  data: data\n", "[" * 50, "1" * 5000, '"\\ud800"', '"\\x00"',
]  # fmt: skip


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A params.yaml, right, wrong, or no YAML at all."""
    kept = draw(st.sets(st.sampled_from(list(GOOD)), min_size=0, max_size=4))
    content: Any = {key: dict(GOOD[key]) for key in GOOD if key in kept}
    for section, *rest in draw(st.lists(st.sampled_from(PLACES), max_size=4)):
        held = content.setdefault(section, dict(GOOD[section]))
        for key in rest[:-1]:
            held = held.setdefault(key, {}) if isinstance(held, dict) else {}
            held = dict(held) if isinstance(held, dict) else {}
        if isinstance(held, dict):
            if draw(st.integers(0, 9)):
                held[rest[-1]] = draw(nonsense)
            else:
                held.pop(rest[-1], None)
    if draw(st.integers(0, 9)) == 0:
        content[draw(st.one_of(keys, st.sampled_from(list(GOOD))))] = draw(nonsense)
    if draw(st.integers(0, 30)) == 0:
        content = draw(nonsense)
    text = yaml.dump(content, sort_keys=False, allow_unicode=False)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 3]))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(SNIPPETS)) + text[at + draw(st.sampled_from([0, 0, 1, 20])) :]
    data = text.encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 30)) == 0:
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.binary(max_size=4)) + data[at:]
    return data


def allowed(annotation: Any, metadata: tuple[Any, ...] = ()) -> st.SearchStrategy[Any]:
    """Values that a field takes, by its type and bounds; texts and mappings only the empty one."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        flat = [one for item in more for one in (item.metadata if isinstance(item, FieldInfo) else [item])]
        return allowed(inner, (*metadata, *flat))
    if origin is Literal:
        return st.sampled_from(get_args(annotation))
    if origin in (Union, UnionType):
        return st.one_of(*(allowed(one, metadata) for one in get_args(annotation)))
    if origin is tuple:
        return st.lists(allowed(get_args(annotation)[0]), max_size=2)
    if annotation is NoneType:
        return st.none()
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        low, high = _bounds(metadata, -50, 2**31)
        return st.integers(math.ceil(low), math.floor(min(high, low + 12))) | st.integers(
            math.ceil(low), math.floor(high)
        )
    if annotation is float:
        low, high = _bounds(metadata, -1e6, 1e6)
        usual = max(low, -2)
        return st.floats(usual, min(high, usual + 4)) | st.floats(low, high)
    return st.sampled_from([""]) if annotation is str else st.just({})


def _bounds(metadata: tuple[Any, ...], low: float, high: float) -> tuple[float, float]:
    for one in metadata:
        if isinstance(one, Ge):
            low = one.ge
        if isinstance(one, Gt):
            low = one.gt + 1e-9
        if isinstance(one, Le):
            high = min(high, one.le)
        if isinstance(one, Lt):
            high = min(high, one.lt - 1e-9)
    return low, high
