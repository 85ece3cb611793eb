"""The stage as a whole, in this process."""

import csv
import json

import pytest
import torch
import yaml

from sprite_lora.core import machine
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.header import read_header
from sprite_lora.core.record import fingerprint
from sprite_lora.lora.file import read_record, read_tensors


def test_checkpoints_have_kohyas_names_and_the_last_has_no_number(project):
    project.edit(max_train_epochs=5, save_every_n_epochs=2)
    assert list(project.train()) == ["t-000002.safetensors", "t-000004.safetensors", "t.safetensors"]
    steps = [read_header(path).metadata["ss_steps"] for path in project.files()]
    assert steps == ["6", "12", "15"]


def test_same_inputs_give_same_bytes_whatever_the_cores(project, monkeypatch):
    one = project.train()
    logged = (project.root / "reports/train/metrics.json").read_bytes()
    project.forget()
    torch.manual_seed(99)
    monkeypatch.setattr(machine, "cores", lambda: 3)
    assert project.train() == one
    assert (project.root / "reports/train/metrics.json").read_bytes() == logged


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_precision_is_of_the_file(project, precision):
    project.edit(max_train_epochs=1, save_precision=precision)
    project.train()
    tensors = read_tensors(project.root / "outputs/checkpoints/t.safetensors")
    expected = {"fp16": torch.float16, "bf16": torch.bfloat16}[precision]
    assert {tensor.dtype for tensor in tensors.values()} == {expected}


def test_mixed_precision_trains_float32_weights(project):
    project.edit(max_train_epochs=1)
    project.train()
    plain = read_tensors(project.root / "outputs/checkpoints/t.safetensors")
    project.edit(mixed_precision="bf16")
    project.train()
    mixed = read_tensors(project.root / "outputs/checkpoints/t.safetensors")
    ups = [name for name in plain if name.endswith("lora_up.weight")]
    assert all(mixed[name].dtype == torch.float32 for name in ups)
    assert any(not torch.equal(mixed[name], plain[name]) for name in ups)
    assert any((mixed[name] != mixed[name].bfloat16().float()).any() for name in ups)


def test_record_is_what_the_run_was_made_from(project):
    project.train()
    path = project.root / "outputs/checkpoints/t-000001.safetensors"
    record = read_record(path)
    assert record["epoch"] == 1
    assert record["params"] == yaml.safe_load((project.root / "params.yaml").read_text())["train"]
    assert record["captions"] == "captions"
    assert record["package"]["resolution"] == 48
    without_epoch = {key: value for key, value in record.items() if key != "epoch"}
    assert fingerprint(without_epoch) == record["fingerprint"]
    assert (project.root / "state/train" / record["fingerprint"]).is_dir()


def test_loss_and_rates_are_logged_per_step_without_a_clock(project):
    project.train()
    metrics = project.root / "reports/train/plots/metrics"
    with (metrics / "loss.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["step"] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    assert list(rows[0]) == ["step", "loss"]
    assert {path.name for path in (metrics / "lr").iterdir()} == {"unet.tsv", "textencoder.tsv"}
    assert json.loads((project.root / "reports/train/metrics.json").read_text())["step"] == 6


def test_clock_device_and_commit_are_in_the_log(project):
    project.train()
    (path,) = (project.root / "logs/train").iterdir()
    content = json.loads(path.read_text())
    assert path.stem == project.states()[0].name
    assert content["finished_at"] >= content["started_at"]
    assert content["steps"] == 6
    assert {"device", "commit", "clean", "python", "cores"} <= set(content)


def test_trained_inputs_are_published_again_without_training(project, monkeypatch):
    """DVC deletes the outputs before it runs the stage; that costs nothing."""
    import shutil

    from stages.train.native import training

    one = project.train()
    log = (project.root / "reports/train/plots/metrics/loss.tsv").read_bytes()
    shutil.rmtree(project.root / "outputs/checkpoints")
    shutil.rmtree(project.root / "reports/train")
    monkeypatch.setattr(training, "train_on", lambda *_: pytest.fail("trained again"))
    assert project.train() == one
    assert (project.root / "reports/train/plots/metrics/loss.tsv").read_bytes() == log


def test_foreign_files_in_the_output_are_removed(project):
    out = project.root / "outputs/checkpoints"
    out.mkdir(parents=True)
    (out / "t-000009.safetensors").write_bytes(b"of another run")
    project.train()
    assert sorted(path.name for path in out.iterdir()) == ["SHA256SUMS", "t-000001.safetensors", "t.safetensors"]


def test_inputs_that_changed_while_it_trained_are_not_published(project, monkeypatch):
    """An orphaned trainer must not overwrite what the present inputs stand for."""
    from stages.train.native import training

    save = training.save

    def edit_then_save(*arguments):
        project.edit(learning_rate=5e-3)
        save(*arguments)

    monkeypatch.setattr(training, "save", edit_then_save)
    with pytest.raises(SpriteLoraError, match="changed while it trained"):
        project.train()
    assert not (project.root / "outputs/checkpoints").exists()
    assert (project.states()[0] / "epochs/t.safetensors").exists()


def test_diffusers_draws_what_the_network_draws(project, tmp_path):
    """The file through diffusers' `load_lora_weights` against our hooks."""
    from diffusers import StableDiffusionPipeline

    project.edit(max_train_epochs=1, learning_rate=0.05)
    project.train()
    compare_with_diffusers(project, StableDiffusionPipeline)


def test_diffusers_draws_what_the_sdxl_network_draws(project_sdxl):
    from diffusers import StableDiffusionXLPipeline

    project_sdxl.edit(max_train_epochs=1, learning_rate=0.05)
    project_sdxl.train()
    compare_with_diffusers(project_sdxl, StableDiffusionXLPipeline)


def compare_with_diffusers(project, kind):
    from sprite_lora.bases.base_model import load_base
    from sprite_lora.core.params import Paths, load
    from sprite_lora.lora.network import LoRANetwork

    base = load_base(load(Paths).base)
    tokenizers = pipeline_tokenizers(load(Paths).base, base)
    from diffusers import DDIMScheduler

    parts = {"vae": base.vae, "unet": base.unet, "text_encoder": base.text_encoders[0]}
    if len(base.text_encoders) == 2:
        parts["text_encoder_2"] = base.text_encoders[1]
    else:
        parts |= {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    pipeline = kind(**parts, **tokenizers, scheduler=DDIMScheduler.from_config(base.scheduler))
    pipeline.set_progress_bar_config(disable=True)
    path = project.root / "outputs/checkpoints/t.safetensors"

    def draw(**more):
        return pipeline(
            num_inference_steps=4, height=48, width=48, guidance_scale=5.0, output_type="latent",
            generator=torch.Generator().manual_seed(42), **more,
        ).images  # fmt: skip

    prompt = "pixel art, 24x24, a lady"
    plain = draw(prompt=prompt)
    network = LoRANetwork.from_file(base, path)
    network.apply_to_base()
    with torch.no_grad():
        ours, none = (base.encode([text], 75) for text in (prompt, ""))
    embeds = {"prompt_embeds": ours.states, "negative_prompt_embeds": none.states}
    if len(base.text_encoders) == 2:
        embeds |= {"pooled_prompt_embeds": ours.pooled, "negative_pooled_prompt_embeds": none.pooled}
    own = draw(**embeds)
    network.restore()
    pipeline.load_lora_weights(path.parent, weight_name=path.name)
    more = {"negative_prompt": ""} if len(base.text_encoders) == 2 else {}
    theirs = draw(prompt=prompt, **more)
    assert (own - plain).abs().max() > 0.01, "the LoRA does nothing: this test shows nothing"
    torch.testing.assert_close(own, theirs, rtol=1e-3, atol=1e-3)


def pipeline_tokenizers(folder, base):
    from transformers import CLIPTokenizer

    names = ("tokenizer", "tokenizer_2") if len(base.text_encoders) == 2 else ("tokenizer",)
    made = {name: CLIPTokenizer.from_pretrained(folder / name, local_files_only=True) for name in names}
    if len(base.text_encoders) == 2:
        made["tokenizer_2"].pad_token = "!"
    return made


def test_a_run_counted_in_steps_leaves_kohyas_files_and_can_be_resumed(project, killed_at):
    """Three steps are an epoch: checkpoints after steps 2, 4 and 5."""
    project.edit(max_train_epochs=None, max_train_steps=5, save_every_n_epochs=None, save_every_n_steps=2)
    whole = project.train()
    assert list(whole) == ["t-step00000002.safetensors", "t-step00000004.safetensors", "t.safetensors"]
    headers = {name: read_header(project.root / "outputs/checkpoints" / name).metadata for name in whole}
    said = [(header["ss_epoch"], header["ss_steps"]) for header in headers.values()]
    assert said == [("1", "2"), ("2", "4"), ("2", "5")]
    assert {(header["ss_num_epochs"], header["ss_max_train_steps"]) for header in headers.values()} == {("2", "5")}
    records = [json.loads(header["sprite_lora"])["epoch"] for header in headers.values()]
    assert records == [0.67, 1.33, 1.67]
    project.forget()
    killed_at(project, 4)
    assert project.train() == whole
