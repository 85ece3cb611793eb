"""Escape sequences in file names, captions, settings and metadata never reach the terminal, whatever prints them."""

import json
import struct
import sys
from contextlib import suppress

import pytest
import yaml
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from places import ROOT

from sprite_lora.core.errors import run_stage
from sprite_lora.core.plain_text import CONTROL
from stages.package.__main__ import main as package
from stages.validate.__main__ import main as validate
from tools.command_line import main

ESCAPE = "\x1b[31m\x1b]0;title\x07\x9b2J\u202e"


def lora(path, metadata):
    header = {"__metadata__": metadata}
    module = f"lora_unet_{ESCAPE}_attn2_to_k"
    for at, (half, shape) in enumerate((("down", [1, 4]), ("up", [4, 1]))):
        offsets = [8 * at, 8 * at + 8]
        header[f"{module}.lora_{half}.weight"] = {"dtype": "F16", "shape": shape, "data_offsets": offsets}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(16))


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """A project in whose every text stands an escape sequence."""
    monkeypatch.chdir(tmp_path)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["paths"] |= {"base": str(ROOT / "models/nano"), "vae": f"no{ESCAPE}vae"}
    params["package"]["name"] = ESCAPE
    params["sample"]["prompts"] = {"one": f"{ESCAPE} hat"}
    params[f"sec{ESCAPE}tion"] = 1
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    for folder in ("data", "captions", "regularisation"):
        (tmp_path / folder).mkdir()
    for name in ("a", f"b{ESCAPE}"):
        (tmp_path / f"captions/{name}.txt").write_text(f"pixel art, {ESCAPE}x\n{ESCAPE}")
        text = PngInfo()
        text.add_text("parameters", f"{ESCAPE}\nSteps: {ESCAPE}, Sampler: {ESCAPE}, Seed: 1, Lora hashes: {ESCAPE}: ab")
        Image.new("RGB", (24, 24)).save(tmp_path / f"data/{name}.png", pnginfo=text)
    told = {"ss_output_name": ESCAPE, "ss_network_dim": ESCAPE, "ss_learning_rate": ESCAPE, ESCAPE: ESCAPE}
    lora(tmp_path / f"{ESCAPE}.safetensors", told)
    lora(tmp_path / "other.safetensors", told | {"ss_learning_rate": f"{ESCAPE}2"})
    (tmp_path / f"broken{ESCAPE}.safetensors").write_bytes(f"{ESCAPE}{ESCAPE}".encode())
    return tmp_path


COMMANDS = [
    ["identify", f"{ESCAPE}.safetensors", f"broken{ESCAPE}.safetensors", f"data/b{ESCAPE}.png", "--tensors"],
    ["identify", f"{ESCAPE}.safetensors", "--json"],
    ["identify", f"none{ESCAPE}"],
    ["audit", "."],
    ["audit", "data", f"none{ESCAPE}"],
    ["drift", f"{ESCAPE}.safetensors", "other.safetensors"],
    ["drift", "params.yaml", f"{ESCAPE}.safetensors"],
    ["drift", f"{ESCAPE}", "params.yaml"],
    ["preset", f"{ESCAPE}"],
    ["convert", f"{ESCAPE}.yaml"],
    [f"{ESCAPE}"],
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: ascii(" ".join(arguments)).replace("\\", ""))
def test_tools(hostile, capsys, arguments):
    with pytest.raises(SystemExit):
        main(arguments)
    said = capsys.readouterr()
    assert said.out + said.err
    assert not CONTROL.search(said.out + said.err)


@pytest.mark.parametrize("wrong", [True, False])
@pytest.mark.parametrize(("stage", "arguments"), [(validate, ["--all"]), (validate, ["--suggest"]), (package, [])])
def test_stages(hostile, capsys, monkeypatch, stage, arguments, wrong):
    """With settings that stop the stage at once, and with settings that let it look at the files."""
    if not wrong:
        params = yaml.safe_load((hostile / "params.yaml").read_text())
        params["package"]["name"] = "t"
        (hostile / "params.yaml").write_text(yaml.safe_dump({key: params[key] for key in params if ESCAPE not in key}))
    monkeypatch.setattr(sys, "argv", ["stage", *arguments])
    with suppress(SystemExit):
        run_stage(stage)
    said = capsys.readouterr()
    assert said.out + said.err
    assert not CONTROL.search(said.out + said.err)
