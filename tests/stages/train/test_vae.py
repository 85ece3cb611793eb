"""Training on the latents of `paths.vae`."""

import hashlib
import json
import shutil

import pytest
import torch
import yaml
from diffusers import AutoencoderKL

from sprite_lora.bases.autoencoder import vae_hash
from sprite_lora.core.header import read_header
from sprite_lora.core.params import Paths, load
from sprite_lora.kohya.metadata import flags, short_hash


@pytest.fixture
def other(project, tiny_sd):
    """An autoencoder of other weights, as a folder in the project."""
    with torch.random.fork_rng():
        torch.manual_seed(9)
        AutoencoderKL.from_config(AutoencoderKL.load_config(tiny_sd / "vae")).save_pretrained(project.root / "my-vae")
    return project.root / "my-vae"


def name_vae(project, path):
    file = project.root / "params.yaml"
    content = yaml.safe_load(file.read_text())
    content["paths"]["vae"] = str(path)
    file.write_text(yaml.safe_dump(content))


def header(project):
    return read_header(project.root / "outputs/checkpoints/t.safetensors").metadata


def test_latents_and_file_are_the_named_autoencoders(project, other):
    project.edit(max_train_epochs=1)
    project.train()
    plain, hashes = header(project), project.hashes()
    assert not {key for key in plain if key.startswith(("ss_vae", "ss_new_vae"))}
    assert json.loads(plain["sprite_lora"])["vae"] is None
    assert flags(plain)["vae"] is None
    name_vae(project, "my-vae/diffusion_pytorch_model.safetensors")
    project.train()
    named = header(project)
    assert project.hashes() != hashes, "other latents"
    file = other / "diffusion_pytorch_model.safetensors"
    assert named["ss_vae_name"] == flags(named)["vae"] == file.name
    assert named["ss_vae_hash"] == short_hash(file)
    assert named["ss_new_vae_hash"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert json.loads(named["sprite_lora"])["vae"] == vae_hash(load(Paths).vae)
    weights = project.hashes()
    name_vae(project, "my-vae")
    project.train()
    assert project.hashes() == weights, "the folder is the same autoencoder"
    assert header(project)["ss_new_vae_hash"] == "IsADirectory", "as sd-scripts writes of a base's folder"


def test_the_bases_own_named_from_outside_changes_no_weight(project, tiny_sd):
    project.edit(max_train_epochs=1)
    project.train()
    hashes = project.hashes()
    shutil.copytree(tiny_sd / "vae", project.root / "own-vae")
    name_vae(project, "own-vae")
    project.train()
    assert project.hashes() == hashes
