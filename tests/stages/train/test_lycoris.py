"""Training LyCORIS' networks: the same bytes when resumed, files that LyCORIS and our own reader know."""

import json

import pytest
import torch
import yaml

from sprite_lora.bases.base_model import load_base
from sprite_lora.core.header import read_header
from sprite_lora.core.params import Paths, load
from sprite_lora.kohya.metadata import flags
from sprite_lora.lora.file import read_tensors
from sprite_lora.lora.layout import read_modules
from sprite_lora.lora.network import applied
from sprite_lora.results.run_facts import from_record
from stages.train.native.run import Run
from tools.identify.adapter import describe_adapter

FINAL = "outputs/checkpoints/t.safetensors"
LYCORIS = {"network_module": "lycoris.kohya", "conv_dim": 2, "conv_alpha": 1.0, "learning_rate": 5e-3}
CASES = {
    "lokr": {"network_args": ["algo=lokr", "factor=4", "dora_wd=True"], "module_dropout": 0.3},
    "loha": {
        "network_args": ["algo=loha", "use_scalar=True", "preset=attn-mlp"], "scale_weight_norms": 0.01,
        "gradient_checkpointing": True,
    },
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_resumed_training_is_the_whole_one(project, monkeypatch, case):
    project.edit(**LYCORIS, **CASES[case])
    torch.manual_seed(5)
    whole = project.train()
    first, last = (read_tensors(project.root / f"outputs/checkpoints/{name}") for name in whole)
    weights = [name for name in first if not name.endswith("alpha")]
    changed = sum(not torch.equal(first[name], last[name]) for name in weights)
    assert changed > 0.8 * len(weights), "with module_dropout a few may be left out of three steps in a row"
    project.forget()
    torch.manual_seed(6)
    project.train_until(5, monkeypatch)
    assert project.train() == whole


def test_file_says_what_it_is(project):
    """Keys of sd-scripts with LyCORIS, our record, and what `identify` finds in the tensors."""
    project.edit(**LYCORIS, **CASES["lokr"], max_train_epochs=1)
    project.train()
    header = read_header(project.root / FINAL)
    assert header.metadata["ss_network_module"] == "lycoris.kohya"
    expected = {
        "algo": "lokr", "factor": "4", "dora_wd": "True", "conv_dim": "2", "conv_alpha": "1.0", "module_dropout": "0.3",
        "dropout": None,
    }  # fmt: skip
    assert json.loads(header.metadata["ss_network_args"]) == expected
    given = flags(header.metadata)
    assert given["network_args"] == ["algo=lokr", "factor=4", "dora_wd=True"]
    assert (given["conv_dim"], given["module_dropout"]) == (2, 0.3)
    settings = from_record(json.loads(header.metadata["sprite_lora"]), "", "").settings
    assert (settings["network_module"].value, settings["network_args"].value[0]) == ("lycoris.kohya", "algo=lokr")
    modules, others = read_modules(header.tensors)
    found = describe_adapter(header, modules)
    assert (found["layout"], list(found["algorithms"]), others) == ("LyCORIS", ["LoKr (DoRA)"], [])
    assert found["settings"]["network_args"]["value"][0] == "algo=lokr"


def test_lycoris_reads_the_file_and_draws_what_it_draws(project, monkeypatch):
    """sd-scripts' way: `create_network` with the file's own arguments, then `load_weights`."""
    from lycoris import config, kohya

    project.edit(**LYCORIS, network_args=["algo=loha", "preset=unet-convblock-only", "dora_wd=True"])
    project.train()
    path, base = project.root / FINAL, load_base(load(Paths).base)
    params = yaml.safe_load((project.root / "params.yaml").read_text())["train"]
    arguments = json.loads(read_header(path).metadata["ss_network_args"])
    monkeypatch.setattr(kohya.logger, "disabled", True)
    reference = kohya.create_network(
        1.0, params["network_dim"], params["network_alpha"], None, base.text_encoders[0], base.unet, **arguments
    )
    noisy, step = torch.randn(1, 4, 6, 6), torch.tensor([400])

    def answer():
        with torch.no_grad():
            return base.predict(noisy, step, base.encode(["a lady"], 75), 48)

    plain = answer()
    reference.apply_to(base.text_encoders[0], base.unet, False, True)
    assert reference.load_weights(str(path)) == {}, "keys are missing or not known"
    expected = answer()
    reference.restore()
    kohya.LycorisNetworkKohya.apply_preset(config.PRESET["full"])
    assert (expected - plain).abs().max() > 1e-4, "it does nothing: this test shows nothing"
    with applied(base, path, 1.0):
        torch.testing.assert_close(answer(), expected, rtol=1e-6, atol=1e-6)


def test_going_on_from_a_file(project, tmp_path, monkeypatch):
    project.edit(**LYCORIS, **CASES["lokr"], max_train_epochs=1)
    project.train()
    path = project.root / "start.safetensors"
    path.write_bytes((project.root / FINAL).read_bytes())
    content = yaml.safe_load((project.root / "params.yaml").read_text())
    content["paths"]["network_weights"] = path.name
    (project.root / "params.yaml").write_text(yaml.safe_dump(content))
    seen = {}
    step = Run.step

    def noting(run, interruption):
        seen.update({} if seen else {name: tensor.clone() for name, tensor in run.network.file_tensors().items()})
        step(run, interruption)

    monkeypatch.setattr(Run, "step", noting)
    project.train()
    expected = read_tensors(path)
    assert all(torch.equal(seen[name], expected[name]) for name in expected)
