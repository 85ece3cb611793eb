"""What lies in the state folder and is not what was written there: said, not used, and made anew to the same bytes."""

import os
import shutil

import pytest
import torch
from fuzzing import examples
from hypothesis import given
from hypothesis import strategies as st

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import canonical_json
from sprite_lora.core.record import METADATA_KEY, stamped
from sprite_lora.lora.file import write_lora
from stages.train.state import Progress, State, listed

CONSTANT = {"lr_scheduler": "constant"}
"""A finished run keeps its state then, so that a longer one can go on from it."""


def flip(path, at=0.5, bit=3):
    """One bit, with size and time of the file as before: what a disk does, and what DVC does not see."""
    times, content = path.stat(), bytearray(path.read_bytes())
    content[min(int(len(content) * at), len(content) - 1)] ^= 1 << bit
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def swap(path):
    """With the checkpoint of the other epoch."""
    other = next(one for one in path.parent.glob("*.safetensors") if one != path)
    path.rename(path.with_suffix(".x"))
    other.rename(path)
    path.with_suffix(".x").rename(other)


@pytest.fixture(scope="module")
def whole():
    """The undisturbed run's checkpoints, by the test's settings: trained once for all tests here."""
    return {}


def undisturbed(project, whole, **settings):
    project.edit(**settings)
    key = str(sorted(settings.items()))
    if key not in whole:
        whole[key] = project.train()
        project.forget()
    return whole[key]


@pytest.mark.slow
def test_a_damaged_state_is_said_and_not_resumed(project, whole, monkeypatch, capsys):
    expected = undisturbed(project, whole)
    project.train_until(5, monkeypatch)
    flip(project.states()[0] / "resume.pt")
    assert project.train() == expected
    said = capsys.readouterr().out
    assert "resume.pt is damaged: " in said
    assert "resuming" not in said


@pytest.mark.slow
def test_the_state_of_another_run_is_not_resumed(project, whole, monkeypatch, capsys):
    expected = undisturbed(project, whole)
    project.edit(learning_rate=0.5)
    project.train_until(5, monkeypatch)
    project.edit(learning_rate=1e-3)
    project.train_until(5, monkeypatch)
    (first, second), state = project.states(), "resume.pt"
    for one, other in ((first, second), (second, first)):
        shutil.copyfile(one / state, other / f"{state}.new")
    for one in (first, second):
        (one / f"{state}.new").rename(one / state)
    assert project.train() == expected
    assert "resume.pt is of another run" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("harm", [flip, cut, swap], ids=lambda harm: harm.__name__)
def test_a_damaged_epoch_of_a_run_that_goes_on_is_trained_again(project, whole, monkeypatch, capsys, harm):
    expected = undisturbed(project, whole, max_train_epochs=3, save_state_every_n_steps=1)
    project.train_until(9, monkeypatch)
    harm(project.states()[0] / "epochs/t-000001.safetensors")
    assert project.train() == expected
    assert "begins anew: " in capsys.readouterr().out


def test_damage_in_a_finished_run_is_never_published(project, whole, capsys):
    expected = undisturbed(project, whole)
    project.train()
    log = (project.root / "reports/train/plots/metrics/loss.tsv").read_bytes()
    flip(project.states()[0] / "epochs/t-000001.safetensors")
    capsys.readouterr()
    assert project.train() == expected
    assert (project.root / "reports/train/plots/metrics/loss.tsv").read_bytes() == log
    said = capsys.readouterr().out
    assert "not used: " in said
    assert "t-000001.safetensors is damaged" in said
    assert "trained already" not in said


NAMES = ["t-000001.safetensors", "t.safetensors"]


@pytest.fixture
def finished(tmp_path):
    """The folder of a finished run, made by hand."""
    record = stamped({"params": {"output_name": "t"}})
    state = State(tmp_path / "states" / record["fingerprint"])
    state.begin(record)
    for epoch, name in enumerate(NAMES, start=1):
        tensors = {"lora_unet_a.lora_up.weight": torch.full((4, 2), float(epoch))}
        write_lora(state.epochs / name, tensors, {"ss_epoch": str(epoch), METADATA_KEY: canonical_json(record)})
        state.keep(state.epochs / name)
    state.finish(Progress(2, 2, [{"loss": 0.5}] * 2), keep=False)
    assert len(state.finished(NAMES)) == 2
    return state


@pytest.mark.parametrize("harm", [flip, cut, swap, lambda path: flip(path, at=0.02), os.unlink])
@pytest.mark.parametrize("name", NAMES)
def test_every_damage_to_a_kept_epoch_is_seen(finished, name, harm):
    harm(finished.epochs / name)
    with pytest.raises(SpriteLoraError, match=r"(is damaged|is gone)"):
        finished.finished(NAMES)


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("steps.json", flip),
        ("SHA256SUMS", flip),
        ("SHA256SUMS", cut),
        ("SHA256SUMS", lambda path: path.write_bytes(b"\xff")),
        ("SHA256SUMS", os.unlink),
    ],
)
def test_every_damage_to_its_other_files_is_seen(finished, name, harm):
    harm(finished.folder / name)
    with pytest.raises(SpriteLoraError, match=r"(is damaged|is not listed)"):
        finished.finished(NAMES)


def test_epochs_of_another_run_are_not_taken_for_ones_own(finished):
    other = State(finished.folder.with_name("0" * 64))
    shutil.copytree(finished.folder, other.folder)
    with pytest.raises(SpriteLoraError, match=f"is of another run, {finished.folder.name}"):
        other.finished(NAMES)
    with pytest.raises(SpriteLoraError, match=r"record\.json is damaged: it does not hash to its folder's name"):
        other.record()
    assert "record damaged" in listed(finished.folder.parent)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    record = stamped({"params": {"output_name": "t", "rate": 1e-4, "ä": [1, None]}})
    state = State(tmp_path_factory.mktemp("states") / record["fingerprint"])
    state.begin(record)
    return state, record, (state.folder / "record.json").read_bytes()


@given(data=st.data())
@examples(8, 5000)
def test_no_bit_of_a_record_flips_unseen(recorded, data):
    state, record, content = recorded
    changed = bytearray(content)
    changed[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (state.folder / "record.json").write_bytes(changed)
    try:
        found = state.record()
    except SpriteLoraError:
        return
    assert found == record


@pytest.mark.slow
def test_a_whole_run_under_another_fingerprint_is_not_published(project, whole, capsys):
    expected = undisturbed(project, whole)
    project.edit(learning_rate=0.5)
    project.train()
    (other,) = project.states()
    project.edit(learning_rate=1e-3)
    project.train()
    (right,) = (state for state in project.states() if state != other)
    shutil.rmtree(right)
    shutil.copytree(other, right)
    assert project.train() == expected
    assert f"is of another run, {other.name}" in capsys.readouterr().out


@pytest.mark.slow
def test_damage_between_training_and_publishing_is_an_error(project, whole, monkeypatch):
    expected = undisturbed(project, whole)
    plain = State.publish

    def damaged(state, names, out):
        flip(state.epochs / names[-1])
        plain(state, names, out)

    with monkeypatch.context() as patch:
        patch.setattr(State, "publish", damaged)
        with pytest.raises(SpriteLoraError, match=r"t\.safetensors was damaged after it was written"):
            project.train()
    assert not (project.root / "outputs/checkpoints/t.safetensors").exists()
    assert project.train() == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resume.pt", "epochs/t-000001.safetensors", "record.json"])
def test_a_longer_run_does_not_go_on_from_a_damaged_one(project, whole, capsys, name):
    expected = undisturbed(project, whole, max_train_epochs=3, **CONSTANT)
    project.edit(max_train_epochs=2)
    project.train()
    flip(project.states()[0] / name)
    project.edit(max_train_epochs=3)
    capsys.readouterr()
    assert project.train() == expected
    said = capsys.readouterr().out
    assert "not used: " in said
    assert "going on from" not in said


def equal(one, other):
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A saved state with AdamW's, as a small network leaves it: its State, its bytes, and what it holds."""
    state = State(tmp_path_factory.mktemp("states") / ("f" * 64))
    state.folder.mkdir()
    generator = torch.Generator().manual_seed(0)
    network = torch.nn.ModuleDict({f"lora_{number}": torch.nn.Linear(8, 4) for number in range(3)})
    for weight in network.parameters():
        weight.data = torch.randn(weight.shape, generator=generator)
    optimizer = torch.optim.AdamW(network.parameters())
    for weight in network.parameters():
        weight.grad = torch.randn(weight.shape, generator=generator)
    optimizer.step()
    progress = Progress(3, 3, [{"loss": 0.1, "lr/unet": 1e-3}] * 3)
    state.save(progress, {"network": network.state_dict(), "optimizer": optimizer.state_dict()})
    return state, state.resume.read_bytes(), state.load()


@given(data=st.data())
@examples(60, 2000)
def test_no_bit_of_a_state_flips_unseen(saved, data):
    """It is refused, or what is loaded is what was saved, to the last bit."""
    state, content, (progress, parts) = saved
    changed = bytearray(content)
    kind = data.draw(st.sampled_from(["bits", "cut", "bytes"]))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(changed) - 1))
        if kind == "cut":
            del changed[max(at, 1) :]
        elif kind == "bits":
            changed[at] ^= 1 << data.draw(st.integers(0, 7))
        else:
            changed[at : at + 8] = data.draw(st.binary(min_size=8, max_size=8))
    state.resume.write_bytes(changed)
    try:
        found_progress, found_parts = state.load()
    except SpriteLoraError:
        return
    assert found_progress == progress
    assert equal(found_parts, parts)
