"""Going on from another LoRA: kohya's --network_weights."""

import pytest
import torch
import yaml

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import sha256
from sprite_lora.lora.file import read_record, read_tensors, write_lora
from sprite_lora.results.changes import compare
from sprite_lora.results.run_facts import from_params, from_record
from stages.train.native.run import Run

FINAL = "outputs/checkpoints/t.safetensors"


def start(project, path):
    content = yaml.safe_load((project.root / "params.yaml").read_text())
    content["paths"]["network_weights"] = path.name
    (project.root / "params.yaml").write_text(yaml.safe_dump(content))


@pytest.fixture
def trained(project):
    """A LoRA of this project's base, at half precision, as most files are."""
    project.edit(max_train_epochs=1, save_precision="fp16", learning_rate=0.05)
    project.train()
    path = project.root / "start.safetensors"
    path.write_bytes((project.root / FINAL).read_bytes())
    project.forget()
    return path


def test_first_step_starts_at_the_files_weights(project, trained, monkeypatch):
    start(project, trained)
    seen = {}
    step = Run.step

    def noting(run, interruption):
        if not seen:
            seen.update({name: tensor.clone() for name, tensor in run.network.state_dict().items()})
        step(run, interruption)

    monkeypatch.setattr(Run, "step", noting)
    project.train()
    expected = read_tensors(trained)
    assert seen.keys() == expected.keys()
    assert all(torch.equal(seen[name], expected[name].float()) for name in expected)
    final = read_tensors(project.root / FINAL)
    assert any(not torch.equal(final[name], expected[name]) for name in expected), "nothing was trained"


def test_the_file_counts_for_the_fingerprint_and_drift_shows_it(project, trained):
    project.train()
    anew = read_record(project.root / FINAL)
    start(project, trained)
    project.train()
    record = read_record(project.root / FINAL)
    assert (anew["network_weights"], record["network_weights"]) == (None, sha256(trained))
    assert len(project.states()) == 2
    (change,) = compare(from_record(anew, "a", ""), from_record(record, "b", "")).changed
    assert (change.name, change.a, change.b) == ("network_weights", "off (not given)", sha256(trained)[:10])
    content = yaml.safe_load((project.root / "params.yaml").read_text())
    facts = from_params(content, "now", "params.yaml", network_weights=sha256(trained))
    assert not [row for row in compare(facts, from_record(record, "b", "")).changed if row.name == "network_weights"]


def test_resumed_training_is_the_whole_one(project, trained, monkeypatch):
    start(project, trained)
    project.edit(max_train_epochs=2)
    whole = project.train()
    project.forget()
    project.train_until(5, monkeypatch)
    assert project.train() == whole


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network_dim": 8}, "its modules or ranks are not this network's"),
        ({"network_alpha": 4.0}, r"alpha is 2, and the network to train has 4\n.*must be those"),
        ({"network_train_unet_only": True}, "its modules or ranks are not this network's"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(project, trained, changes, message):
    start(project, trained)
    project.edit(**changes)
    with pytest.raises(SpriteLoraError, match=message):
        project.train()
    assert not (project.root / FINAL).exists()


def test_alphas_keep_their_own_precision(project, tmp_path, trained, make_run):
    """fp16 has no 0.3: the file's 0.30005 is the same alpha, and the network's own is written on."""
    run = make_run(project, network_alpha=0.3)
    path = tmp_path / "half.safetensors"
    write_lora(path, {name: tensor.half() for name, tensor in run.network.state_dict().items()}, {})
    run.network.start_from(path)
    assert {float(lora.alpha) for lora in run.network.loras} == {float(torch.tensor(0.3))}
    assert {lora.scale for lora in run.network.loras} == {0.3 / 4}
