"""A run that is stopped anywhere goes on to the same bytes."""

import json
import os
import signal
import threading
import time

import pytest

from stages.train.native import training
from stages.train.native.run import Run
from stages.train.state import State, only_trainer

OPTIMIZERS = {
    "AdamW": {},
    "Lion": {"optimizer_type": "Lion"},
    "Prodigy": {"optimizer_type": "Prodigy", "learning_rate": 1.0, "text_encoder_lr": None},
    "Adafactor": {"optimizer_type": "Adafactor", "lr_scheduler": "adafactor"},
}
RANDOM = {
    "shuffle_caption": True, "network_dropout": 0.1, "rank_dropout": 0.1, "module_dropout": 0.1, "noise_offset": 0.1,
    "multires_noise_iterations": 4,
}  # fmt: skip
LOG = "reports/train/plots/metrics/loss.tsv"


class Killed(BaseException):
    """Stands for a process that is gone."""


def killed(project, monkeypatch, owner, name, moment, after=False):
    """Train, and be gone at the `moment`-th call (from 1) of a function, before it or after it."""
    plain, calls = getattr(owner, name), []

    def counted(*arguments, **more):
        calls.append(1)
        if len(calls) == moment and not after:
            raise Killed
        result = plain(*arguments, **more)
        if len(calls) == moment:
            raise Killed
        return result

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, counted)
        with pytest.raises(Killed):
            project.train()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_resumes_to_the_same_bytes(project, monkeypatch, optimizer):
    project.edit(**OPTIMIZERS[optimizer], **RANDOM)
    whole = project.train()
    logged = (project.root / LOG).read_bytes()
    project.forget()
    killed(project, monkeypatch, Run, "step", 5)
    assert not (project.root / "outputs/checkpoints").exists()
    assert project.train() == whole
    assert (project.root / LOG).read_bytes() == logged


def test_killed_many_times_in_a_row_at_every_kind_of_moment(project, monkeypatch):
    project.edit(**RANDOM, save_state_every_n_steps=1)
    whole = project.train()
    project.forget()
    for owner, name, moment, after in (
        (Run, "step", 1, False),
        (Run, "_change_weights", 2, False),
        (Run, "_change_weights", 1, True),
        (State, "save", 1, False),
        (State, "save", 1, True),
        (training, "write_lora", 1, True),
        (training, "write_lora", 2, False),
        (State, "finish", 1, False),
        (State, "finish", 1, True),
        (State, "publish", 1, False),
        (State, "publish", 1, True),
    ):
        killed(project, monkeypatch, owner, name, moment, after=after)
    assert project.train() == whole


def test_state_every_few_steps(project, monkeypatch, capsys):
    project.edit(save_state_every_n_steps=2, max_train_epochs=3)
    whole = project.train()
    project.forget()
    killed(project, monkeypatch, Run, "step", 6)
    capsys.readouterr()
    assert project.train() == whole
    assert "resuming after step 4 of 9" in capsys.readouterr().out, "step 5 was done and not saved"


@pytest.mark.slow
def test_kill_9_of_the_whole_group(project):
    project.edit(max_train_epochs=4, save_state_every_n_steps=1)
    process = project.start()
    deadline = time.monotonic() + 120
    while not list((project.root / "state/train").glob("*/resume.pt")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (project.root / "outputs/checkpoints").exists()
    code, out, err = project.run()
    assert code == 0, err
    assert "resuming after step" in out
    resumed = project.checkpoints()
    project.forget()
    assert project.train() == resumed


def test_other_inputs_never_resume(project, monkeypatch, capsys):
    killed(project, monkeypatch, Run, "step", 4)
    first = project.states()[0]
    for change in ({"learning_rate": 2e-3}, {"save_precision": "fp16"}):
        project.edit(**change)
        capsys.readouterr()
        project.train()
        assert "resuming" not in capsys.readouterr().out
    assert len(project.states()) == 3
    assert (first / "resume.pt").exists(), "it is kept for the case that the change is taken back"


def test_changed_code_captions_or_base_never_resume(project, monkeypatch):
    from sprite_lora.core.params import Paths, load
    from sprite_lora.kohya.train_params import Train
    from stages.train.__main__ import present_fingerprint

    def present():
        return present_fingerprint(load(Train), load(Paths))

    seen = {present()}
    with monkeypatch.context() as changed:
        changed.setattr("stages.train.record.code_hash", lambda *args: "other code")
        seen.add(present())
    manifest = project.root / "outputs/dataset/manifest.json"
    manifest.write_text(manifest.read_text().replace('"captions"', '"other captions"'))
    seen.add(present())
    (project.root / "regularisation/1_x").mkdir()
    (project.root / "regularisation/1_x/a.png").write_bytes(b"x")
    seen.add(present())
    assert len(seen) == 4


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signal_saves_the_state_and_leaves(project, monkeypatch, capsys, number, code):
    """A pre-empted GPU: the state is that of the last whole step, whatever save_state_every_n_steps says."""
    project.train()
    whole = project.hashes()
    project.forget()
    project.edit(save_state_every_n_steps=1000)
    plain = Run.batch

    def batch_then_signal(run, *arguments):
        if run.progress.step == 4:
            os.kill(os.getpid(), number)
        return plain(run, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "batch", batch_then_signal)
        with pytest.raises(SystemExit) as left:
            project.train()
    assert left.value.code == code
    assert "stopped after step 5, state saved" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    project.train()
    assert "resuming after step 5" in capsys.readouterr().out
    assert project.hashes() == whole


def test_half_written_files_are_cleared(project, monkeypatch):
    killed(project, monkeypatch, Run, "step", 4)
    leftover = project.states()[0] / "epochs" / ".t.safetensors.x1y2.tmp"
    leftover.write_bytes(b"half")
    project.train()
    assert not leftover.exists()


def test_second_trainer_waits_for_the_first_and_uses_its_epochs(project, capfd, monkeypatch):
    whole = project.train()
    fingerprint = project.states()[0].name
    (project.root / "outputs/checkpoints/t.safetensors").unlink()
    held, may_end = threading.Event(), threading.Event()

    def hold():
        with only_trainer(project.root / "state/train", fingerprint):
            held.set()
            may_end.wait(60)

    def end_soon(*arguments, **more):
        may_end.set()
        return plain(*arguments, **more)

    first = threading.Thread(target=hold)
    first.start()
    held.wait(60)
    import builtins

    plain = builtins.print
    monkeypatch.setattr(builtins, "print", end_soon)
    assert project.train() == whole
    first.join()
    out = capfd.readouterr().out
    assert f"waiting: another trainer runs, process {os.getpid()}, for the same inputs; its epochs will be used" in out
    assert "trained already" in out


def test_waiting_says_when_the_other_trains_other_inputs(project, capfd):
    folder = project.root / "state/train"
    done = threading.Event()

    def second():
        with only_trainer(folder, "b"):
            done.set()

    with only_trainer(folder, "a"):
        waiting = threading.Thread(target=second)
        waiting.start()
        time.sleep(0.3)
        assert not done.is_set()
    waiting.join()
    assert "for other inputs; `kill" in capfd.readouterr().out
    assert not (folder / "holder.json").exists()


def test_states_are_listed_and_pruned(project, monkeypatch, capsys):
    from stages.train import __main__ as stage

    killed(project, monkeypatch, Run, "step", 4)
    project.edit(output_name="second")
    project.train()
    capsys.readouterr()
    monkeypatch.setattr("sys.argv", ["train", "--list-state"])
    stage.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert any(" t " in line and "resumable" in line for line in lines)
    assert any(" second " in line and "finished" in line for line in lines)
    monkeypatch.setattr("sys.argv", ["train", "--prune-state"])
    stage.main()
    assert "1 states removed" in capsys.readouterr().out
    (left,) = project.states()
    assert json.loads((left / "record.json").read_text())["params"]["output_name"] == "second"
    monkeypatch.setattr("sys.argv", ["train"])
    stage.main()
    assert "trained already" in capsys.readouterr().out
