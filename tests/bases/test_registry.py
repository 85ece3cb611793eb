"""Families of base models: what is known of one without torch, and whose code a run depends on."""

import json
import shutil
import subprocess
import sys

import pytest
from places import ROOT

from sprite_lora.bases import registry
from sprite_lora.bases.registry import REGISTRY, chosen_code, families, family_of, label, labels
from sprite_lora.core import code

SD1, SDXL = REGISTRY["sd_v1"], REGISTRY["sdxl_base_v1-0"]

NEW_FAMILY = """
from sprite_lora.bases.family import Family


class Punk(Family):
    name = "punk_v1"
    label = "Punk"


FAMILY = Punk()
"""


@pytest.fixture
def tree(tmp_path):
    """A copy of the code that a test may change."""
    for folder in ("sprite_lora", "stages"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def hashes(tree, chosen):
    """Of the stages whose code is that of the run's family, as a new process sees them."""
    for cached in (code.imports, code.plug_ins, code.module_hash, code._tree):
        cached.cache_clear()
    return {stage: code.code_hash(stage, chosen, tree) for stage in ("train", "sample")}


def add(tree, name, text):
    """A family: its module, its configs, its line in the registry."""
    place = tree / "sprite_lora/bases/families"
    (place / "punk.py").write_text(text)
    (place / name / "unet").mkdir(parents=True)
    (place / name / "unet/config.json").write_text("{}")
    path = tree / "sprite_lora/bases/registry.py"
    line = f'REGISTRY: dict[str, str] = {{\n    "{name}": "sprite_lora.bases.families.punk",\n'
    changed = path.read_text().replace("REGISTRY: dict[str, str] = {\n", line)
    assert line in changed
    path.write_text(changed)


def test_a_new_family_makes_no_run_on_another_stale(tree):
    chosen = [SD1]
    before, all_before = hashes(tree, chosen), hashes(tree, None)
    add(tree, "punk_v1", NEW_FAMILY)
    assert hashes(tree, chosen) == before
    assert hashes(tree, None).items().isdisjoint(all_before.items())
    with_new = code.stage_code("train", ["sprite_lora.bases.families.punk"], tree)
    assert {"sprite_lora.bases.families.punk", "sprite_lora/bases/families/punk_v1/unet/config.json"} <= set(with_new)


def test_an_edit_of_a_family_concerns_its_own_runs(tree):
    before = {family: hashes(tree, [family]) for family in (SD1, SDXL)}
    path = tree / "sprite_lora/bases/families/sdxl.py"
    path.write_text(path.read_text().replace("hidden_states[-2]", "hidden_states[-1]"))
    assert hashes(tree, [SD1]) == before[SD1]
    assert hashes(tree, [SDXL]).items().isdisjoint(before[SDXL].items())
    config = tree / "sprite_lora/bases/families/sd_v1/unet/config.json"
    config.write_text(config.read_text().replace("768", "769"))
    assert hashes(tree, [SD1]).items().isdisjoint(before[SD1].items())


def test_what_is_known_of_a_family_needs_no_torch(tiny_sdxl):
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from sprite_lora.bases import layout, registry, sample_params\n"
        "from sprite_lora.lora import layout, size\n"
        "from tools.audit import inventory\n"
        "from tools.identify import describe\n"
        f"base = Path({str(tiny_sdxl)!r})\n"
        "print(registry.chosen_code(base), len(size.lora_targets(base)) > 0)\n"
        "assert not {'torch', 'transformers', 'diffusers'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == f"['{SDXL}'] True\n", done.stderr


def test_names_tell_families_apart():
    """A word of a file name, a stated name, a mark of a single file or a width names one family alone."""
    for names in (
        [word for one in families() for word in one.file_words],
        [word for one in families() for word in (one.name, *one.stated_names)],
        [one.file_mark for one in families() if one.file_mark],
        [one.text_width for one in families()],
        [one.label for one in families()],
    ):
        assert len(names) == len(set(names))
    assert (label("sd_v1"), label("unknown"), labels()) == ("SD1.5", "unknown", "SD1.5, SD2 or SDXL")


@pytest.mark.parametrize(
    ("encoders", "width", "family"),
    [
        (1, 768, "sd_v1"), (1, 1024, "sd_v2"), (1, 64, "sd_v1"), (1, None, "sd_v1"), (2, 768, "sdxl_base_v1-0"),
        (2, 1024, "sdxl_base_v1-0"),
    ],
)  # fmt: skip
def test_a_folder_is_recognised_by_its_text_encoders(encoders, width, family, tmp_path):
    for name in ("text_encoder", "text_encoder_2")[:encoders]:
        (tmp_path / name).mkdir()
    if width is not None:
        (tmp_path / "text_encoder/config.json").write_text(json.dumps({"hidden_size": width}))
    assert family_of(tmp_path).name == family


def test_a_base_that_cannot_be_read_chooses_no_code(tmp_path):
    (tmp_path / "broken.safetensors").write_bytes(b"no header")
    for name in ("absent", "broken.safetensors", "."):
        assert chosen_code(tmp_path / name) == []


def test_each_family_of_single_files_has_the_configs_of_its_parts():
    from sprite_lora.bases.family import CONFIGS

    for family in (one for one in registry.families() if one.file_mark):
        parts = {path.name for path in (CONFIGS / family.name).iterdir()}
        assert parts == {"unet", "vae", "scheduler", *(encoder.folder for encoder in family.text_encoders)}
