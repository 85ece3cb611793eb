"""params.yaml and the presets that go over it: complete, allowed, documented, and what real runs are known to need."""

import itertools
import re

import pytest
from places import ROOT

from sprite_lora.core.params import Section, load
from sprite_lora.core.yaml_text import parse
from sprite_lora.kohya.train_params import Train
from stages.validate.settings import SECTIONS, Settings
from tools.preset.edit import edited
from tools.preset.overlay import DECIDES, fitted, load_preset, nearest_resolution, presets

NAMES = ["nano", "sd15", "sdxl"]
FILES = ["params.yaml", *(f"presets/{name}.yaml" for name in NAMES)]
PARAMS = (ROOT / "params.yaml").read_text()


def sections() -> tuple[type[Section], ...]:
    return SECTIONS


def content(file):
    return parse((ROOT / file).read_text())


def overlay(name):
    return load_preset(ROOT / "presets" / f"{name}.yaml")


def applied(name, text=PARAMS):
    return edited(text, fitted(overlay(name), parse(text))[0])


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.key)
def test_params_hold_every_section_and_what_it_requires(section):
    load(section, ROOT / "params.yaml")
    assert set(content("params.yaml")) == {each.key for each in sections()}


def test_the_presets_are_these(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert list(presets()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_holds_only_what_it_decides(name):
    held = content(f"presets/{name}.yaml")
    for section, keys in held.items():
        assert keys.keys() <= DECIDES[section]


def test_all_presets_decide_the_same_keys():
    """So that one takes back what another did."""
    keys = [[(section, *keys) for section, keys in content(f"presets/{name}.yaml").items()] for name in NAMES]
    assert keys[0] == keys[1] == keys[2]


@pytest.mark.parametrize("name", NAMES)
def test_every_key_is_known_and_allowed_over_the_shipped_params(name):
    after = parse(applied(name)[0])
    assert Settings(after, {}).found == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("section", ["paths", "package", "train", "sample"])
def test_comments_are_those_of_the_rows_and_a_word_on_why(name, section):
    said = {
        key: setting.comment for key, setting in load_preset(ROOT / "presets" / f"{name}.yaml").get(section, {}).items()
    }
    first = comments("params.yaml", section)
    for key, comment in said.items():
        row = Train.model_fields[key].description if section == "train" else first[key]
        assert comment.startswith(f"{row}. Why: "), f"{name}: {section}.{key}"
        assert len(comment) > len(f"{row}. Why: ") + 5


def comments(file, section):
    text = (ROOT / file).read_text().split(f"\n{section}:")[1].split("\n\n#")[0]
    return dict(re.findall(r"^  (\w+): .*?\s# (.*)$", text, re.MULTILINE))


def test_comments_of_flags_in_params_are_those_of_their_rows():
    said = comments("params.yaml", "train")
    assert said.keys() == content("params.yaml")["train"].keys()
    for name, comment in said.items():
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


def test_nano_is_what_params_come_with():
    assert applied("nano") == (PARAMS, [])


@pytest.mark.parametrize("name", NAMES)
def test_applied_twice_changes_nothing_more(name):
    once, changes = applied(name)
    assert applied(name, once) == (once, [])
    assert bool(changes) == (name != "nano")


@pytest.mark.parametrize("name", ["sd15", "sdxl"])
def test_nano_takes_a_preset_back_to_the_byte(name):
    assert applied("nano", applied(name)[0])[0] == PARAMS


@pytest.mark.parametrize("name", ["sd15", "sdxl"])
def test_data_settings_and_comments_stay(name):
    own = (
        PARAMS.replace("trigger: [pixel art, 24x24]", "trigger: ['pixel art', \"16x16\", mine]  # my own")
        .replace("art_pixels: 24 ", "art_pixels: 16 ")
        .replace("name: punk ", "name: hero ")
        .replace("lad_blue: pixel art", "my-prompt: pixel art")
        .replace("output_name: punk ", "output_name: heroes ")
    )
    after, changes = applied(name, own)
    changed = {change.key for change in changes}
    for section, keys in parse(own).items():
        for key, value in keys.items():
            if f"{section}.{key}" not in changed:
                assert parse(after)[section][key] == value
    assert not changed - {f"{section}.{key}" for section, keys in DECIDES.items() for key in keys}
    assert len(own.splitlines()) == len(after.splitlines())
    for before, now in zip(own.splitlines(), after.splitlines(), strict=True):
        assert re.findall("#.*", before) == re.findall("#.*", now)
        assert before == now or any(f"{key.split('.')[1]}: " in before for key in changed)
    assert parse(after)["train"]["keep_tokens"] == 3
    assert parse(after)["package"]["resolution"] == {"sd15": 512, "sdxl": 1024}[name]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "sd15",
            {"base": "models/sd15", "resolution": 576, "network_dim": 16, "network_alpha": 8, "text_encoder_lr": 2e-5},
        ),
        (
            "sdxl",
            {"base": "models/sdxl", "resolution": 960, "network_dim": 32, "network_alpha": 16},
        ),
    ],
)
def test_what_real_runs_are_known_to_need(name, expected):
    after = parse(applied(name)[0])
    values = after["paths"] | after["package"] | after["train"]
    assert {key: values[key] for key in expected} == expected
    assert values["network_train_unet_only"] == (name == "sdxl")
    assert values["noise_offset"]
    assert values["multires_noise_iterations"] is None
    assert values["adaptive_noise_scale"] is None
    assert 0 < values["lr_warmup_steps"] < 1
    assert values["lr_scheduler"] == "cosine"
    assert (values["min_snr_gamma"], values["max_token_length"]) == (5, 225)
    assert (values["mixed_precision"], values["save_precision"], values["sdpa"]) == ("bf16", "fp16", True)


def test_a_gpu_run_is_of_sd_scripts():
    """Until the native trainer has run on a GPU."""
    backends = {name: content(f"presets/{name}.yaml")["train"]["backend"] for name in NAMES}
    assert backends == {"nano": "native", "sd15": "kohya", "sdxl": "kohya"}


@pytest.mark.parametrize("name", NAMES)
def test_resolutions_keep_every_art_pixel_whole(name):
    """A multiple of the sprite's side and of the latent grid's 8 px; real bases need kohya's bucket step 64 as well."""
    package = parse(applied(name)[0])["package"]
    cell, rest = divmod(package["resolution"], package["art_pixels"])
    assert (rest, cell % 8) == (0, 0)
    assert package["resolution"] % 64 == 0


@pytest.mark.parametrize(
    ("wanted", "art_pixels", "size"),
    [
        (512, 24, 576),
        (1024, 24, 960),
        (512, 16, 512),
        (1024, 32, 1024),
        (1024, 48, 1152),
        (512, 20, 640),
        (512, 48, 384),
    ],
)
def test_the_nearest_resolution(wanted, art_pixels, size):
    assert nearest_resolution(wanted, art_pixels) == size


def test_no_size_for_an_odd_grid():
    assert nearest_resolution(512, 255) is None
