"""params.yaml and the presets: complete, allowed, documented, and what real runs are known to need."""

import itertools
import re

import pytest
import yaml
from places import ROOT

from sprite_lora.core.params import Section, load
from sprite_lora.kohya.train_params import Train
from stages.validate.settings import SECTIONS

FILES = ["params.yaml", "presets/sd15.yaml", "presets/sdxl.yaml"]
STAGES = ["validate", "package", "train", "sample", "score", "select", "finish", "report"]


def sections() -> tuple[type[Section], ...]:
    return SECTIONS


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("section", sections(), ids=lambda section: section.key)
def test_every_key_is_known_and_stands_in_every_file(file, section):
    """A key that only one of them holds would be lost by `cp presets/sd15.yaml params.yaml`."""
    load(section, ROOT / file)
    content, default_run = (yaml.safe_load((ROOT / name).read_text()) for name in (file, "params.yaml"))
    assert set(content[section.key]) == set(default_run[section.key])
    assert set(content) == {each.key for each in sections()}


@pytest.mark.parametrize("file", FILES)
def test_comments_of_flags_are_those_of_their_rows(file):
    """A file may add a remark after the row's text."""
    section = (ROOT / file).read_text().split("\ntrain:\n")[1].split("\n\n#")[0]
    comments = dict(re.findall(r"^  (\w+): .*?\s# (.*)$", section, re.MULTILINE))
    assert comments.keys() == yaml.safe_load((ROOT / file).read_text())["train"].keys()
    for name, comment in comments.items():
        assert comment.startswith(Train.model_fields[name].description), name


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.key)
def test_every_key_is_described(section):
    for key, field in section.model_fields.items():
        assert field.description, f"{section.key}.{key}"


@pytest.mark.parametrize("file", FILES)
def test_every_line_of_a_file_says_what_it_is_for(file):
    """Each key has a comment behind it or above it; prompts speak for themselves."""
    lines = (ROOT / file).read_text().splitlines()
    for above, line in itertools.pairwise(lines):
        nested = line.startswith("    ") and ":" in line and "#" not in line
        if line.strip() and line.startswith("  ") and not line.strip().startswith("#") and not nested:
            assert "#" in line or above.strip().startswith("#"), f"{file}: {line}"


@pytest.mark.parametrize(
    ("preset", "differs"),
    [
        ("sd15", {"resolution": 576, "train_batch_size": 4, "mixed_precision": "fp16"}),
        ("sdxl", {"resolution": 960, "train_batch_size": 2, "mixed_precision": "bf16"}),
    ],
)
def test_presets_hold_the_settings_of_real_runs(preset, differs):
    content = yaml.safe_load((ROOT / "presets" / f"{preset}.yaml").read_text())
    values = {**content["train"], **content["package"], **{f"sample_{k}": v for k, v in content["sample"].items()}}
    expected = {
        "backend": "native",
        "num_repeats": 10,
        "network_dim": 32,
        "network_alpha": 16,
        "max_train_epochs": 10,
        "unet_lr": 1e-4,
        "text_encoder_lr": 5e-5,
        "lr_scheduler": "cosine_with_restarts",
        "lr_scheduler_num_cycles": 3,
        "optimizer_type": "AdamW8bit",
        "save_precision": "fp16",
        "min_snr_gamma": 5,
        "noise_offset": 0.1,
        "multires_noise_iterations": 6,
        "multires_noise_discount": 0.3,
        "adaptive_noise_scale": 0.00357,
        "shuffle_caption": True,
        "keep_tokens": 2,
        "max_token_length": 225,
        "seed": 42,
        "sample_seed": 42,
        "sample_steps": 30,
        "sample_guidance_scale": 7.5,
        **differs,
    }
    assert {key: values[key] for key in expected} == expected


@pytest.mark.parametrize("file", FILES)
def test_resolutions_keep_every_art_pixel_whole(file):
    """A multiple of the sprite's side and of the latent grid's 8 px; real bases need kohya's bucket step 64 as well."""
    package = yaml.safe_load((ROOT / file).read_text())["package"]
    cell, rest = divmod(package["resolution"], package["art_pixels"])
    assert (rest, cell % 8) == (0, 0)
    assert package["resolution"] % 64 == 0
