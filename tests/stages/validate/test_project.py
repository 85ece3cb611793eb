"""`python -m stages.validate` as its user runs it, over small projects."""

import json
import os
import shutil

import numpy as np
import pytest
import yaml
from PIL import Image
from places import ROOT
from small_set import sprite


def rules(project):
    return [case["rule"] for case in project.report()["findings"]]


def test_a_clean_project_passes(project):
    done = project.validate_alone()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "8 pairs, no errors, 0 warnings"
    assert project.report()["findings"] == []
    captions = json.loads((project.root / "reports/captions.json").read_text())
    assert list(captions) == [f"lad_{number:03}" for number in range(8)]
    assert captions["lad_003"] == project.text("lad_003").strip()


def missing_caption(project):
    (project.root / "captions/lad_003.txt").unlink()


def missing_sprite(project):
    (project.root / "data/lad_003.png").unlink()


def corrupt_png(project):
    project.write("lad_003", pixels=b"\x89PNG\r\n\x1a\n broken")


def empty_png(project):
    project.write("lad_003", pixels=b"")


def off_grid(project):
    project.write("lad_003", pixels=np.zeros((100, 100, 3), dtype=np.uint8))


def wide(project):
    project.write("lad_003", pixels=np.zeros((24, 48, 3), dtype=np.uint8))


def finer_art(project):
    project.write("lad_003", pixels=np.random.default_rng(0).integers(0, 255, (48, 48, 3), dtype=np.uint8))


def unknown_key(project):
    project.edit(train__network_dimm=8)


def bad_value(project):
    project.edit(train__network_dim="many")


def odd_resolution(project):
    project.edit(package__resolution=512)


def off_the_latent_grid(project):
    project.edit(package__resolution=480)


def no_base(project):
    project.edit(paths__base="models/not-there")


def pickled_base(project):
    (project.root / "model.ckpt").write_bytes(b"PK\x03\x04")
    project.edit(paths__base="model.ckpt")


def no_autoencoder(project):
    project.edit(paths__vae="vae")
    (project.root / "vae").mkdir()
    (project.root / "vae/readme.txt").touch()


def rates_of_two_encoders(project):
    project.edit(train__text_encoder_lr=[1e-4, 2e-5])


def half_base(project):
    (project.root / "base").mkdir()
    (project.root / "base/model_index.json").write_text("{}")
    project.edit(paths__base="base")


def broken_base(project):
    (project.root / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    project.edit(paths__base="model.safetensors")


def long_prompt(project):
    project.edit(sample__prompts={"one": project.text("lad_000").strip() + ", red hair" * 30})


def prompt_without_trigger(project):
    project.edit(sample__prompts={"one": project.text("lad_000").strip().removeprefix("pixel art, ")})


def long_negative_prompt(project):
    project.edit(sample__negative_prompt="blurry, " * 60)


def buckets(project):
    project.edit(train__enable_bucket=True)


def misspelt_flag_of_kohya(project):
    project.edit(train__backend="kohya", train__kohya_args={"los_type": "l1"})


def secret_in_a_flag(project):
    project.edit(train__backend="kohya", train__kohya_args={"wandb_api_key": "hf_0123456789"})


def flag_of_kohya_for_native(project):
    project.edit(train__kohya_args={"flip_aug": True})


def flag_for_sdxl(project):
    project.edit(train__backend="kohya", train__kohya_args={"disable_mmap_load_safetensors": True})


def key_for_sdxl(project):
    cached = {"train__cache_text_encoder_outputs": True, "train__network_train_unet_only": True}
    project.edit(train__backend="kohya", train__shuffle_caption=False, **cached)


def lycoris_that_stops(project):
    project.edit(train__backend="kohya", train__network_module="lycoris.kohya", train__conv_dim=None)
    project.edit(train__conv_alpha=None, train__network_args=["algo=lokr"])


def autoencoder_of_diffusers_as_a_file(project):
    shutil.copy(ROOT / "models/nano/vae/diffusion_pytorch_model.safetensors", project.root / "vae.safetensors")
    project.edit(train__backend="kohya", paths__vae="vae.safetensors")


def regular_of_another_size(project):
    (project.root / "regularisation/1_person").mkdir()
    Image.new("RGB", (512, 512)).save(project.root / "regularisation/1_person/a.png")


def regular_beside_its_folder(project):
    Image.new("RGB", (192, 192)).save(project.root / "regularisation/a.png")


def regular_broken(project):
    (project.root / "regularisation/1_person").mkdir()
    (project.root / "regularisation/1_person/a.jpg").write_bytes(b"")


def unknown_section(project):
    with (project.root / "params.yaml").open("a") as file:
        file.write("\nsampel: {}\n")


def unknown_rule(project):
    project.edit(validate__severity={"hex-colour": "info"})


def fixed_rule(project):
    project.edit(validate__severity={"off-grid": "info"})


def link_out(project):
    (project.root / "elsewhere.txt").write_text(project.text("lad_003"))
    (project.root / "captions/lad_003.txt").unlink()
    (project.root / "captions/lad_003.txt").symlink_to(project.root / "elsewhere.txt")


def newline_name(project):
    project.write("a\nb", "pixel art, 24x24, x", np.zeros((24, 24, 3), dtype=np.uint8))


def pipe(project):
    os.mkfifo(project.root / "data/pipe.png")
    project.write("pipe", "pixel art, 24x24, x")


def empty_folders(project):
    for path in [*(project.root / "data").iterdir(), *(project.root / "captions").iterdir()]:
        path.unlink()


def no_folder(project):
    project.edit(paths__data="sprites")


@pytest.mark.parametrize(
    ("mistake", "rule", "said"),
    [
        (missing_caption, "missing-caption", ["lad_003.txt"]),
        (missing_sprite, "missing-sprite", ["lad_003.png"]),
        (corrupt_png, "unreadable-image", ["data/lad_003.png"]),
        (empty_png, "unreadable-image", ["data/lad_003.png", "empty"]),
        (off_grid, "off-grid", ["100x100", "24x24", "4 more than 96"]),
        (wide, "off-grid", ["48x24", "square"]),
        (finer_art, "off-grid", ["data/lad_003.png", "2304 pixels differ"]),
        (unknown_key, "unknown-key", ["network_dimm", "did you mean `network_dim`", "params.yaml:"]),
        (bad_value, "bad-value", ["train.network_dim", "many", "params.yaml:"]),
        (misspelt_flag_of_kohya, "bad-value", ["`los_type`", "did you mean `loss_type`", "params.yaml:"]),
        (secret_in_a_flag, "bad-value", ["`wandb_api_key` is refused", "secret"]),
        (flag_of_kohya_for_native, "bad-value", ["kohya_args is known to the backend kohya alone"]),
        (flag_for_sdxl, "bad-value", ["`disable_mmap_load_safetensors`", "for SDXL alone"]),
        (lycoris_that_stops, "bad-value", ["network_args: LyCORIS in sd-scripts stops at this preset"]),
        (autoencoder_of_diffusers_as_a_file, "vae", ["in the original layout alone"]),
        (key_for_sdxl, "bad-value", ["`cache_text_encoder_outputs`", "for SDXL alone"]),
        (odd_resolution, "resolution", ["512", "24", "384 or 576"]),
        (off_the_latent_grid, "resolution", ["480", "20 pixels", "latent", "384 or 576"]),
        (no_base, "base", ["models/not-there"]),
        (pickled_base, "base", ["model.ckpt", "pickle"]),
        (half_base, "base", ["unet/", "tokenizer/"]),
        (broken_base, "base", ["model.safetensors"]),
        (long_prompt, "prompt-truncated", ["75 are read", "params.yaml:"]),
        (prompt_without_trigger, "prompt-trigger", ['every caption "pixel art, 24x24"']),
        (long_negative_prompt, "prompt-truncated", ["negative_prompt", "75 are read"]),
        (buckets, "bucket", ["enable_bucket would resize and crop", "params.yaml:"]),
        (rates_of_two_encoders, "bad-value", ["text_encoder_lr has 2 rates, the base model has 1 text encoders"]),
        (no_autoencoder, "vae", ["paths.vae vae: a folder without config.json", "params.yaml:"]),
        (regular_beside_its_folder, "regularisation", ["regularisation/a.png", "<repeats>_<class>"]),
        (regular_broken, "regularisation", ["a.jpg", "not a readable PNG, JPEG, WEBP or BMP"]),
        (unknown_section, "unknown-key", ["sampel", "params.yaml:"]),
        (unknown_rule, "bad-value", ["no rule `hex-colour`"]),
        (fixed_rule, "bad-value", ["`off-grid` stays an error"]),
        (link_out, "outside-link", ["captions/lad_003.txt", "elsewhere.txt"]),
        (newline_name, "unsafe-name", ["a\\nb"]),
        (pipe, "unreadable-file", ["pipe.png", "is a pipe, socket or device, not a file"]),
        (empty_folders, "no-pairs", ["data"]),
        (no_folder, "no-pairs", ["sprites"]),
    ],
)
def test_a_mistake_is_one_clear_error(project, mistake, rule, said):
    mistake(project)
    done = project.validate()
    printed = done.stdout + done.stderr
    assert done.returncode == 1
    assert rule in rules(project)
    assert rule in done.stdout
    for words in said:
        assert words in printed
    assert "Traceback" not in printed
    assert done.stderr.startswith("error: ")
    assert "nothing was trained" in done.stderr


def test_all_mistakes_in_one_pass(project):
    for mistake in (unknown_key, odd_resolution, missing_caption, corrupt_png, prompt_without_trigger):
        mistake(project)
    done = project.validate()
    assert {"unknown-key", "resolution", "missing-caption", "unreadable-image", "prompt-trigger"} <= set(rules(project))
    assert done.returncode == 1
    captions = json.loads((project.root / "reports/captions.json").read_text())
    assert len(captions) == 7, "as far as captions are readable"


def test_warnings_and_hints(project):
    first = project.text("lad_000").strip()
    project.write("lad_010", first + "\n", sprite((248, 152, 192), 50))
    project.write("lad_011", "pixel art, 24x24, blue hair", sprite((1, 2, 3), 0))
    project.write("lad_012", "pixel art, 24x24, pink hair", sprite((1, 2, 3), 0))
    done = project.validate()
    assert done.returncode == 0
    cases = {case["rule"]: case for case in project.report()["findings"]}
    assert set(cases) == {"same-caption", "background", "duplicate-sprite"}
    assert cases["same-caption"]["file"] == "captions/lad_010.txt"
    assert cases["duplicate-sprite"]["message"] == 'same pixels as "lad_011"'
    assert cases["background"]["message"] == '"solid blue background", but the sprite\'s border is #f898c0 (pink)'
    for case in cases.values():
        assert list(case) == ["rule", "severity", "file", "message", "hint"]
        assert case["hint"]
    counts = project.report()["counts"]
    assert counts["same-caption"] == {"severity": "warning", "findings": 1, "files": 1}


def test_severity_is_the_users(project):
    project.write("lad_011", "pixel art, 24x24, blue hair", sprite((56, 104, 216), 0))
    assert project.validate().returncode == 0
    project.edit(validate__severity={"duplicate-sprite": "error"})
    assert project.validate().returncode == 1
    project.edit(validate__severity={"duplicate-sprite": "info"})
    done = project.validate()
    assert done.returncode == 0
    assert "0 warnings" in done.stdout


def test_settings_that_do_not_fit_together(project):
    project.edit(train__keep_tokens=1, train__shuffle_caption=True)
    project.validate()
    (case,) = project.report()["findings"]
    assert case["rule"] == "keep-tokens"
    assert "keep_tokens 1 protects fewer tags than the trigger's 2" in case["message"]
    project.edit(train__shuffle_caption=False)
    project.validate()
    assert project.report()["findings"] == []


def test_several_seeds_are_not_for_pictures_while_it_trains(project):
    project.edit(sample__seeds=[42, 7])
    project.validate()
    assert rules(project) == []
    project.edit(logs__sample_every_n_epochs=1)
    assert project.validate().returncode == 1
    (case,) = project.report()["findings"]
    assert (case["rule"], case["severity"]) == ("bad-value", "error")
    assert "pictures while it trains (`logs`) are drawn with one seed" in case["message"]


def test_regularisation_picture_of_another_size_is_noted(project):
    regular_of_another_size(project)
    assert project.validate().returncode == 0
    (case,) = project.report()["findings"]
    assert (case["rule"], case["severity"]) == ("regularisation-size", "info")
    assert "512x512 pixels; it is resized and cut to 192x192" in case["message"]


def test_zero_terminal_snr_is_for_velocities(project):
    project.edit(train__zero_terminal_snr=True)
    assert project.validate().returncode == 0, "sd-scripts warns, too"
    (case,) = project.report()["findings"]
    assert (case["rule"], case["severity"]) == ("zero-terminal-snr", "warning")
    project.edit(train__v_parameterization=True)
    project.validate()
    assert rules(project) == []


def test_prompts_of_another_form(project):
    prompt = project.text("lad_000").strip().replace("cap", "crown")
    baby = prompt.replace("punk lad", "punk baby").replace(", retro pixel art style", "").replace("blonde", "blodne")
    project.edit(sample__prompts={"one": baby}, train__shuffle_caption=False)
    project.validate()
    cases = [(case["rule"], case["message"]) for case in project.report()["findings"]]
    assert ("prompt-unseen", 'prompt "one": "baby" is in none of the 8 captions') in cases
    assert ("prompt-unseen", 'prompt "one": "blodne" is in none of the 8 captions; they say "blonde"') in cases
    assert any(rule == "prompt-form" and "retro pixel art style" in message for rule, message in cases)

    swapped = prompt.replace("light skin, solid", "solid").replace(" background,", " background, light skin,")
    project.edit(sample__prompts={"one": swapped})
    project.validate()
    (case,) = project.report()["findings"]
    assert case["rule"] == "prompt-form"
    assert 'background" before "light skin"' in case["message"]
    project.edit(train__shuffle_caption=True)
    project.validate()
    assert project.report()["findings"] == [], "shuffled tags are learnt in any order"


def test_a_prompt_that_is_a_caption(project):
    project.edit(sample__prompts={"one": project.text("lad_003").strip()})
    assert project.validate().returncode == 0
    (case,) = project.report()["findings"]
    assert (case["rule"], case["message"]) == ("prompt-caption", 'prompt "one" is the caption of "lad_003"')


def test_cases_are_few_unless_all_are_asked_for(project):
    for number in range(8):
        project.write(f"lad_{number:03}", f"24x24, red hair {number}")
    short, full = project.validate(), project.validate("--all")
    assert short.stdout.count("captions/lad_") == 3
    assert "... and 5 more: python -m stages.validate --all" in short.stdout
    assert full.stdout.count("captions/lad_") == 8


def test_reports_have_no_clock_and_no_order_of_chance(project):
    project.write("lad_010", "pixel art, x, x", sprite((9, 9, 9), 1))
    project.validate()
    first = (project.root / "reports/validate.json").read_bytes()
    for seed in ("1", "2"):
        project.validate_alone(PYTHONHASHSEED=seed)
        assert (project.root / "reports/validate.json").read_bytes() == first


def test_overview_says_what_the_set_teaches(project):
    project.validate()
    overview = project.report()["overview"]
    assert overview["pairs"] == 8
    assert overview["attributes"]["hair"]["values"] == {"blonde": 2, "brown": 2, "black": 2, "ginger": 2}
    assert overview["backgrounds_drawn"] == {"blue": 2, "green": 2, "pink": 2, "red": 2}
    assert overview["tokens"]["limit"] == 75
    assert sum(overview["tokens"]["histogram"].values()) == 8
    assert overview["palette"]["least"] == 4


def test_params_that_are_no_yaml(project):
    (project.root / "params.yaml").write_text("train: [")
    done = project.validate()
    assert done.returncode == 1
    assert "params.yaml" in done.stderr
    assert "Traceback" not in done.stderr


def test_sections_that_are_missing(project):
    params = yaml.safe_load((project.root / "params.yaml").read_text())
    del params["package"], params["select"]
    (project.root / "params.yaml").write_text(yaml.safe_dump(params))
    done = project.validate()
    assert done.returncode == 1
    assert "section `package` is missing" in done.stdout
    assert "section `select` is missing" in done.stdout
    assert "not-checked" in rules(project)
