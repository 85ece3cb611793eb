"""`sprite-lora preset`: what it prints, writes and refuses."""

import pytest
from click.testing import CliRunner
from places import ROOT

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.yaml_text import parse
from tools.preset.command import command


def test_alone_it_lists_the_presets_with_a_line_each(preset):
    lines = preset().splitlines()
    assert [line.split()[0] for line in lines] == ["nano", "sd15", "sdxl"]
    assert all(len(line.split()) > 5 for line in lines)


def test_nano_changes_nothing_of_the_shipped_params(preset, project):
    assert "nothing changes" in preset("nano")
    assert (project / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()


def test_a_preset_is_applied_and_every_change_printed(preset, project):
    before = parse((project / "params.yaml").read_text())
    said = preset("sdxl").splitlines()
    after = parse((project / "params.yaml").read_text())
    assert "paths.base: models/nano -> models/sdxl" in said
    assert "train.learning_rate: 2.0e-3 -> 1.0e-4" in said
    changed = {
        f"{section}.{key}" for section in after for key in after[section] if after[section][key] != before[section][key]
    }
    assert {line.split(":")[0] for line in said if " -> " in line} == changed
    assert said[-1] == f"{len(changed)} values of params.yaml changed"
    assert "package.resolution is 960, the size nearest to 1024 with whole art pixels" in "\n".join(said)
    assert "models/sdxl does not exist yet: `sprite-lora base add`; docs/bases.md says more" in said
    assert "nothing changes" in preset("sdxl")


def test_a_dry_run_writes_nothing(preset, project):
    said = preset("sd15", "--dry-run")
    assert "package.resolution: 192 -> 576" in said
    assert "nothing was written" in said
    assert (project / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()


def test_a_preset_of_ones_own(preset, project):
    (project / "mine.yaml").write_text("train:\n  network_dim: 7  # seven\n  keep_tokens: 9\n")
    said = preset(project / "mine.yaml")
    assert "train.network_dim: 32 -> 7" in said
    assert "train.keep_tokens is 2, the tags of your trigger" in said
    assert parse((project / "params.yaml").read_text())["train"]["keep_tokens"] == 2


def test_a_key_that_was_left_out_comes_with_its_comment(preset, project):
    text = (project / "params.yaml").read_text()
    lines = text.splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if line.startswith("  min_snr_gamma:"))
    (project / "params.yaml").write_text("".join(lines[:at] + lines[at + 1 :]))
    assert "train.min_snr_gamma: (not given) -> 5.0" in preset("sd15")
    after = (project / "params.yaml").read_text().splitlines()
    assert after[at - 1].split(":")[0] == lines[at - 1].split(":")[0]
    assert after[at].startswith("  min_snr_gamma: 5.0  # float | null; ")


def test_a_linked_file_stays_a_link(preset, project):
    (project / "params.yaml").rename(project / "real.yaml")
    (project / "params.yaml").symlink_to("real.yaml")
    preset("sd15")
    assert (project / "params.yaml").is_symlink()
    assert "models/sd15" in (project / "real.yaml").read_text()


def test_a_resolution_that_no_size_fits(preset, project):
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace("art_pixels: 24 ", "art_pixels: 255 "))
    assert "package.resolution stays: no size up to 4096 keeps 255 art pixels whole" in preset("sd15")
    assert parse((project / "params.yaml").read_text())["package"]["resolution"] == 192


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [", "cannot be read as YAML"),
        ("[" * 5000, "cannot be read as YAML"),
        ("", "holds no sections"),
        ("- a", "holds no sections"),
        ("train: 1", "section `train` is no preset's to decide"),
        ("score: {tolerance: 1}", "section `score` is no preset's to decide"),
        ("sample: {prompts: {a: b}}", "`sample.prompts` is no preset's to decide"),
        ("package: {art_pixels: 3, name: x}", "`package.art_pixels` is no preset's to decide, and 1 more"),
        ("validate: {trigger: []}", "section `validate` is no preset's"),
        ("train: {network_dimm: 3}", "`train.network_dimm` is no preset's"),
        ("train: {network_dim: 0}", "params.yaml would be wrong with own.yaml"),
        ("train: {xformers: true}", "xformers and sdpa are two ways to do the same: keep one"),
        (
            "train: {lr_warmup_steps: 5}",
            "lr_scheduler constant has no warm-up: lr_warmup_steps must be 0 (or take constant_with_warmup)",
        ),
    ],
)
def test_wrong_presets_of_ones_own(preset, project, content, message):
    (project / "own.yaml").write_text(content)
    with pytest.raises(SpriteLoraError) as told:
        preset("own.yaml")
    assert message in str(told.value)
    assert (project / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()


def test_a_wrong_params_file_is_said_first(preset, project):
    text = (project / "params.yaml").read_text().replace("network_dim: 32 ", "network_dim: no ")
    (project / "params.yaml").write_text(text)
    with pytest.raises(SpriteLoraError, match=r"params.yaml:\d+: `train.network_dim` is 'no'") as told:
        preset("sd15")
    assert "correct params.yaml first" in told.value.hint
    assert (project / "params.yaml").read_text() == text


def test_without_params_or_presets(preset, project):
    (project / "params.yaml").unlink()
    with pytest.raises(SpriteLoraError, match=r"params\.yaml does not exist") as told:
        preset("sd15")
    assert "git checkout params.yaml" in told.value.hint
    with pytest.raises(SpriteLoraError, match="sd16 is no preset and no file") as told:
        preset("sd16")
    assert "nano, sd15, sdxl" in told.value.hint
    for path in (project / "presets").glob("*.yaml"):
        path.unlink()
    with pytest.raises(SpriteLoraError, match="there is no presets"):
        preset()


@pytest.mark.parametrize("arguments", [["import"], ["sd15", "file.json"]])
def test_import_goes_with_a_file(project, arguments):
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 2
    assert "FILE" in done.output


def test_a_trainer_that_is_not_set_up_is_said(preset, monkeypatch, tmp_path):
    monkeypatch.setenv("SPRITE_LORA_SD_SCRIPTS", str(tmp_path / "sd-scripts"))
    line = "sd-scripts is not set up on this machine yet: uv run sprite-lora kohya install"
    assert line in preset("sd15", "--dry-run")
    assert line not in preset("nano", "--dry-run")
    (tmp_path / "sd-scripts").mkdir()
    assert line not in preset("sd15", "--dry-run")
