"""The stage with the backend kohya, on a stand-in with sd-scripts' arguments, names and files: CI has no sd-scripts.

benchmarks/kohya_backend.py runs the real one.
"""

import json
import os
import signal
import threading
import time

import numpy as np
import pytest

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.header import read_header
from sprite_lora.core.params import Paths, load
from sprite_lora.dataset.manifest import read_manifest
from sprite_lora.kohya import sd_scripts
from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.file import read_record, read_tensors
from stages.train.__main__ import run_training
from stages.train.kohya.training import inexact
from stages.train.record import run_record
from stages.train.state import listed

LOSS = "reports/train/plots/metrics/loss.tsv"


def train():
    run_training(load(Train), load(Paths))


def losses(project):
    lines = (project.root / LOSS).read_text().splitlines()[1:]
    return [float(line.split("\t")[-1]) for line in lines]


def work(project):
    return project.states()[0] / "sd-scripts"


def test_checkpoints_carry_our_record_beside_their_own_keys(by_kohya, checkout):
    train()
    out = by_kohya.root / "outputs/checkpoints"
    assert sorted(path.name for path in out.glob("*.safetensors")) == ["t-000001.safetensors", "t.safetensors"]
    for epoch, name in ((1, "t-000001.safetensors"), (2, "t.safetensors")):
        record = read_record(out / name)
        assert (record["epoch"], record["params"]["backend"]) == (epoch, "kohya")
        assert record["versions"]["sd-scripts"].startswith("v0.10.1 ")
        assert record["versions"]["torch"]
        metadata = read_header(out / name).metadata
        assert (metadata["ss_epoch"], metadata["ss_output_name"]) == (str(epoch), "t")
        tensors = read_tensors(out / name)
        assert np.all(tensors["lora_unet_2.lora_up.weight"].numpy() == np.full((4, 2), epoch + 2))
    assert not work(by_kohya).exists()


@pytest.mark.usefixtures("directly")
def test_loss_and_rates_stand_in_the_report(by_kohya):
    train()
    assert losses(by_kohya) == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    rates = by_kohya.root / "reports/train/plots/metrics/lr"
    assert [path.name for path in rates.iterdir()] == ["unet.tsv"], "lr/group1 is the same under a number"


@pytest.mark.usefixtures("directly")
def test_batches_of_a_step_are_one_row(by_kohya):
    by_kohya.edit(gradient_accumulation_steps=2)
    train()
    assert losses(by_kohya) == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_what_it_runs_under(by_kohya, checkout, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    train()
    environment = checkout.noted()["environment"]
    caches = by_kohya.root / "state/caches"
    assert environment["HF_HOME"] == str(caches / "huggingface")
    assert environment["TRITON_CACHE_DIR"] == str(caches / "triton")
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert environment["ACCELERATE_USE_CPU"] in ("true", "True")
    assert str(checkout.root) in environment["PYTHONPATH"]
    assert "/elsewhere" not in environment["PYTHONPATH"]


@pytest.mark.usefixtures("directly")
def test_its_log_is_kept_and_shown_without_bars(by_kohya, capsys):
    train()
    (log,) = (by_kohya.root / "logs/train").glob("*.kohya.log")
    assert b"avr_loss" in log.read_bytes()
    shown = capsys.readouterr().out
    assert "model saved." in shown
    assert "step 6/6  loss 0.6000" in shown
    assert "avr_loss" not in shown


COUNTED = {"max_train_epochs": None, "max_train_steps": 5, "save_every_n_epochs": None, "save_every_n_steps": 2}


@pytest.mark.usefixtures("directly")
def test_a_run_counted_in_steps_leaves_kohyas_files_with_our_record(by_kohya, checkout, capsys):
    """Three steps are an epoch. sd-scripts goes on at the beginning of an epoch alone, so it is asked for no state."""
    by_kohya.edit(**COUNTED)
    train()
    names = ["t-step00000002.safetensors", "t-step00000004.safetensors", "t.safetensors"]
    assert list(by_kohya.checkpoints()) == names
    folder = by_kohya.root / "outputs/checkpoints"
    assert [read_record(folder / name)["epoch"] for name in names] == [0.67, 1.33, 1.67]
    assert len(losses(by_kohya)) == 5
    flags = checkout.flags()
    assert (flags["max_train_steps"], flags["save_every_n_steps"]) == ("5", "2")
    assert not {"save_state", "save_last_n_epochs_state", "max_train_epochs", "save_every_n_epochs"} & flags.keys()
    assert "no state is saved: a run that counts steps begins anew where it is stopped" in capsys.readouterr().out


@pytest.mark.usefixtures("directly")
def test_a_run_counted_in_steps_that_fails_begins_anew(by_kohya, checkout, monkeypatch, capsys):
    by_kohya.edit(**COUNTED)
    with monkeypatch.context() as patch:
        patch.setenv("STAND_IN_ENDS", "5")
        with pytest.raises(SpriteLoraError, match="the stand-in ends here"):
            train()
    capsys.readouterr()
    train()
    assert "resuming" not in capsys.readouterr().out
    assert not {"resume", "initial_step"} & checkout.flags().keys()
    assert len(by_kohya.checkpoints()) == 3
    assert losses(by_kohya) == pytest.approx([number / 10 for number in range(1, 6)])


@pytest.mark.usefixtures("directly")
def test_trained_already(by_kohya, checkout, capsys):
    train()
    checkout.notes.unlink()
    capsys.readouterr()
    train()
    assert "trained already" in capsys.readouterr().out
    assert not checkout.notes.exists()
    assert len(losses(by_kohya)) == 6


@pytest.mark.usefixtures("directly")
def test_a_run_that_fails_says_why_and_goes_on_after_its_last_epoch(by_kohya, checkout, monkeypatch, capsys):
    by_kohya.edit(max_train_epochs=3)
    with monkeypatch.context() as patch:
        patch.setenv("STAND_IN_ENDS", "8")
        with pytest.raises(SpriteLoraError, match="the stand-in ends here") as caught:
            train()
    assert ".kohya.log" in str(caught.value)
    first = (by_kohya.states()[0] / "epochs/t-000001.safetensors").read_bytes()
    capsys.readouterr()
    train()
    said = capsys.readouterr().out
    assert "resuming after epoch 2 of 3" in said
    assert "not exact: ss_steps" in said
    flags = checkout.flags()
    assert (flags["initial_step"], flags["resume"].rpartition("/")[2]) == ("6", "t-000002-state")
    assert by_kohya.checkpoints()["t-000001.safetensors"] == first
    assert losses(by_kohya) == pytest.approx([number / 10 for number in range(1, 10)])


def test_sigterm_ends_it_and_the_next_run_goes_on(by_kohya, checkout, monkeypatch, capsys):
    def stop():
        while not list(by_kohya.root.glob("state/train/*/sd-scripts/output/t-000001-state/random_states_0.pkl")):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setenv("STAND_IN_WAITS", "5")
        threading.Thread(target=stop, daemon=True).start()
        with pytest.raises(SystemExit) as ended:
            train()
    assert ended.value.code == 128 + signal.SIGTERM
    assert "goes on after epoch 1" in capsys.readouterr().err
    train()
    assert "resuming after epoch 1 of 2" in capsys.readouterr().out
    assert len(losses(by_kohya)) == 6


@pytest.mark.usefixtures("directly")
def test_what_is_half_written_is_not_gone_on_from(by_kohya, checkout, monkeypatch, capsys):
    by_kohya.edit(max_train_epochs=4)
    with monkeypatch.context() as patch:
        patch.setenv("STAND_IN_ENDS", "8")
        with pytest.raises(SpriteLoraError):
            train()
    output = work(by_kohya) / "output"
    (output / "t-000002-state/optimizer.bin").write_bytes(b"PK half")
    (output / "t-000003.safetensors").write_bytes(b"half")
    train()
    assert "resuming" not in capsys.readouterr().out, "of two states but the last is kept"
    assert "resume" not in checkout.flags()
    assert len(by_kohya.checkpoints()) == 4
    assert len(losses(by_kohya)) == 12


@pytest.mark.usefixtures("directly")
@pytest.mark.parametrize("file", ["sd-scripts/output/t-000002-state/model.safetensors", "epochs/t-000001.safetensors"])
def test_damage_after_it_was_stopped_is_said_and_not_gone_on_from(by_kohya, checkout, monkeypatch, capsys, file):
    """One bit of a tensor: no header and no zip archive shows it."""
    by_kohya.edit(max_train_epochs=3)
    with monkeypatch.context() as patch:
        patch.setenv("STAND_IN_ENDS", "8")
        with pytest.raises(SpriteLoraError, match="the stand-in ends here"):
            train()
    path = by_kohya.states()[0] / file
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    capsys.readouterr()
    train()
    assert f"not used: {path.relative_to(by_kohya.root)} is damaged" in capsys.readouterr().out
    assert "resume" not in checkout.flags()
    assert len(by_kohya.checkpoints()) == 3


@pytest.mark.usefixtures("directly")
def test_a_finished_run_with_a_damaged_epoch_is_trained_again(by_kohya, checkout, capsys):
    train()
    hashes = by_kohya.hashes()
    path = by_kohya.states()[0] / "epochs/t.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    checkout.notes.unlink()
    train()
    assert "t.safetensors is damaged" in capsys.readouterr().out
    assert checkout.noted()
    assert by_kohya.hashes() == hashes


@pytest.mark.usefixtures("directly")
def test_out_of_memory_names_what_helps(by_kohya, monkeypatch):
    monkeypatch.setenv("STAND_IN_ENDS", "1")
    monkeypatch.setenv("STAND_IN_SAYS", "CUDA out of memory. Tried to allocate 2.00 GiB")
    with pytest.raises(SpriteLoraError, match="gradient_checkpointing"):
        train()


@pytest.mark.usefixtures("directly")
def test_a_loss_that_is_no_number_stops_it(by_kohya, monkeypatch):
    monkeypatch.setenv("STAND_IN_LOSS", "nan")
    monkeypatch.setenv("STAND_IN_WAITS", "3")
    with pytest.raises(SpriteLoraError, match="loss is nan at step 1"):
        train()


@pytest.mark.usefixtures("directly")
def test_another_commit_or_none_is_refused(by_kohya, checkout, monkeypatch):
    checkout.commit("more")
    with pytest.raises(SpriteLoraError, match=r"is at commit .* checked with v0\.10\.1") as caught:
        train()
    assert "sprite-lora kohya install" in str(caught.value)
    monkeypatch.setenv("SPRITE_LORA_SD_SCRIPTS", str(checkout.root / "nowhere"))
    with pytest.raises(SpriteLoraError, match="holds none"):
        train()


@pytest.mark.usefixtures("directly")
def test_a_changed_checkout_is_another_run(by_kohya, checkout):
    def record():
        return run_record(load(Train), read_manifest(load(Paths).dataset), load(Paths))

    clean = record()
    assert "sd-scripts changes" not in clean["versions"]
    with (checkout.root / "train_network.py").open("a") as file:
        file.write("# changed\n")
    changed = record()
    (checkout.root / "torch.py").write_text("")
    shadowed = record()
    hashes = {one["versions"].get("sd-scripts changes") for one in (clean, changed, shadowed)}
    assert len(hashes) == 3
    assert len({one["fingerprint"] for one in (clean, changed, shadowed)}) == 3


@pytest.mark.usefixtures("directly")
def test_files_that_flags_name_are_in_the_record(by_kohya, checkout):
    weights = by_kohya.root / "start.safetensors"
    weights.write_bytes(b"1")
    by_kohya.edit(kohya_args={"base_weights": [weights.name]})
    first = run_record(load(Train), read_manifest(load(Paths).dataset), load(Paths))
    weights.write_bytes(b"2")
    second = run_record(load(Train), read_manifest(load(Paths).dataset), load(Paths))
    assert first["files"] != second["files"]
    weights.unlink()
    with pytest.raises(SpriteLoraError, match="cannot be read"):
        run_record(load(Train), read_manifest(load(Paths).dataset), load(Paths))


@pytest.mark.usefixtures("directly")
def test_a_flag_of_a_newer_release_is_refused(by_kohya, checkout, monkeypatch):
    commit = sd_scripts.COMMITS["v0.10.1"]
    monkeypatch.setitem(sd_scripts.COMMITS, "v0.9.1", commit)
    monkeypatch.setitem(sd_scripts.COMMITS, "v0.10.1", "0" * 40)
    by_kohya.edit(loss_type="huber", huber_scale=2.0)
    with pytest.raises(SpriteLoraError, match=r"came with v0\.10\.1, and the checkout is v0\.9\.1"):
        train()


@pytest.mark.usefixtures("directly")
def test_settings_that_need_a_gpu_are_refused_without(by_kohya):
    by_kohya.edit(mixed_precision="fp16")
    with pytest.raises(SpriteLoraError, match="needs a CUDA GPU"):
        train()


@pytest.mark.usefixtures("directly")
def test_sdxl_has_its_own_script_and_both_tokenizers(project_sdxl, checkout):
    cached = {"cache_text_encoder_outputs": True, "network_train_unet_only": True, "shuffle_caption": False}
    project_sdxl.edit(backend="kohya", network_dim=2, **cached)
    for picture in (project_sdxl.root / "outputs/dataset/1_punk").glob("*.png"):
        picture.with_suffix(".txt").write_text("pixel art")
    train()
    log = next((project_sdxl.root / "logs/train").glob("*.kohya.log")).read_text()
    assert "sdxl_train_network.py" in log.splitlines()[0]
    assert "cache_text_encoder_outputs" in checkout.flags()


@pytest.mark.usefixtures("directly")
def test_state_is_listed(by_kohya, monkeypatch, capsys):
    monkeypatch.setenv("STAND_IN_ENDS", "5")
    with pytest.raises(SpriteLoraError):
        train()
    assert "resumable" in listed(by_kohya.root / "state/train")
    assert json.loads((by_kohya.states()[0] / "record.json").read_text())["params"]["backend"] == "kohya"


@pytest.mark.parametrize(
    ("flags", "processes", "reasons"),
    [
        ({"max_data_loader_n_workers": 1}, 1, 1),
        ({"max_data_loader_n_workers": 0}, 1, 2),
        ({"max_data_loader_n_workers": 1, "persistent_data_loader_workers": True}, 2, 3),
    ],
)
def test_what_is_not_exact_is_said(flags, processes, reasons):
    """benchmarks/kohya_backend.py measures the first case: equal tensors."""
    assert len(inexact(flags, processes)) == reasons
