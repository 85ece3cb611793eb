"""Whatever a configuration holds: one message, or settings that params.yaml can hold, and printable lines."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import ROOT

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.params import section_problems
from sprite_lora.core.yaml_text import parse
from sprite_lora.dataset.package_params import Package
from sprite_lora.kohya.train_params import FLAGS, Train
from tools.preset.edit import same
from tools.preset.foreign import load_configuration
from tools.preset.kohya_ss import GUI_ALONE, LYCORIS, MODULES, RENAMED
from tools.preset.mapping import mapped
from tools.preset.places import ELSEWHERE

PARAMS = parse((ROOT / "params.yaml").read_text())

KEYS = sorted({*FLAGS, *ELSEWHERE, *GUI_ALONE, *RENAMED, "huggingface_token", "network_args", "is_reg", "datasets"})
WORDS = [
    "", "0", "1", "1e-4", "true", "None", "nan", "inf", "-1", "512,512", "1_0", "AdamW", "cosine", "bf16", "sdpa", "no",
    "Multires", "a=1 b=2", "--seed 4 --unet_lr=1", "--a 'b", "\x1b[31m", "\ud800", "é" * 300, *MODULES,
]  # fmt: skip

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.sampled_from(WORDS),
    st.just(10**400), st.just(-(10**400)),
)  # fmt: skip
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
tables = st.dictionaries(st.sampled_from(KEYS) | st.text(), anything, max_size=12)


def checked(path):
    """Import one file. What comes of it is allowed key by key, and can be printed."""
    try:
        overlay, left_out = mapped(load_configuration(path), PARAMS)
    except SpriteLoraError:
        return
    for name, setting in overlay.get("train", {}).items():
        assert same(parse(f"key: {setting.text}")["key"], setting.value)
        wrong = [where for where, _ in section_problems(Train, PARAMS["train"] | {name: setting.value})]
        assert ("train", name) not in [where[:2] for where in wrong]
    package = {name: setting.value for name, setting in overlay.get("package", {}).items()}
    assert section_problems(Package, PARAMS["package"] | package) == []
    assert all(line.isprintable() for line in left_out)
    "\n".join(left_out).encode()


@settings(max_examples=60)
@given(kind=st.sampled_from(sorted(MODULES)), content=tables, surrogates=st.booleans())
def test_any_values_under_the_guis_keys(tmp_path_factory, kind, content, surrogates):
    path = tmp_path_factory.mktemp("fuzz") / "theirs.json"
    text = json.dumps({"optimizer": "AdamW"} | content | {"LoRA_type": kind}, ensure_ascii=surrogates)
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    checked(path)


@settings(max_examples=30)
@given(general=anything, datasets=st.lists(tables | anything, max_size=3), flags=tables)
def test_any_tables_of_sd_scripts(tmp_path_factory, general, datasets, flags):
    path = tmp_path_factory.mktemp("fuzz") / "theirs"
    for content in ({"general": general, "datasets": datasets}, flags | {"network_module": "networks.lora"}):
        path.write_text(json.dumps(content))
        checked(path)


@settings(max_examples=60)
@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "theirs"
    path.write_bytes(content)
    checked(path)


@pytest.mark.parametrize("kind", MODULES)
def test_every_kind_of_network(tmp_path, kind):
    """With each key of the GUI at some value that is on."""
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps(dict.fromkeys(KEYS, "1") | {"LoRA_type": kind, "datasets": "1"}))
    configuration = load_configuration(path)
    assert (configuration.flags["network_module"] == "lycoris.kohya") == (kind in LYCORIS)
    checked(path)
