"""A small project to train in: five sprites at 48 px on a tiny random base."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from places import ROOT

from sprite_lora.bases.base_model import load_base
from sprite_lora.core.params import Paths, load
from sprite_lora.dataset.manifest import read_manifest
from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.file import model_hash
from stages.train.native.inputs import make_plan, read_pictures
from stages.train.native.run import Run

RESOLUTION = 48
SHORT = {
    "output_name": "t", "network_dim": 4, "network_alpha": 2.0, "train_batch_size": 2, "max_train_epochs": 2,
    "save_precision": None, "save_state_every_n_steps": 100, "learning_rate": 1e-3, "text_encoder_lr": 5e-4,
    "conv_dim": None, "conv_alpha": None, "noise_offset": None, "min_snr_gamma": 5.0,
}  # fmt: skip
"""Plain settings, whatever the default run is tuned to."""


def write_dataset(folder, sprites=5, repeats=1):
    """What `package` writes."""
    name = f"{repeats}_punk"
    (folder / name).mkdir(parents=True)
    random = np.random.default_rng(0)
    items = []
    for number in range(sprites):
        cells = random.integers(0, 256, (24, 24, 3), dtype=np.uint8)
        image = Image.fromarray(cells).resize((RESOLUTION, RESOLUTION), Image.Resampling.NEAREST)
        image.save(folder / name / f"s{number}.png")
        caption = f"pixel art, 24x24, lady {number}, red hair, blue eyes, green background"
        items.append({
            "stem": f"s{number}", "caption": caption, "snapped_pixels": 0,
            "sprite_sha256": hashlib.sha256(image.tobytes()).hexdigest(),
            "caption_sha256": hashlib.sha256(caption.encode()).hexdigest(),
        })  # fmt: skip
    manifest = {
        "folder": name, "name": "punk", "num_repeats": repeats, "resolution": RESOLUTION, "art_pixels": 24,
        "background": "#ffffff", "sprites_sha256": "sprites", "captions_sha256": "captions", "items": items,
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))


@dataclass(frozen=True)
class Project:
    """A folder with params.yaml, dvc.yaml, the stages and a dataset."""

    root: Path

    def edit(self, **changes):
        """Change keys of the section `train`."""
        file = self.root / "params.yaml"
        content = yaml.safe_load(file.read_text())
        content["train"] |= changes
        file.write_text(yaml.safe_dump(content))

    def command(self, *arguments):
        return [sys.executable, "-m", "stages.train", *arguments]

    @property
    def environment(self):
        return {
            **os.environ,
            "HF_HUB_OFFLINE": "1",
            "HF_HOME": str(self.root / "no-hub"),
            "PYTHONPATH": str(self.root),
            "OMP_NUM_THREADS": "1",
        }

    def start(self, *arguments):
        """`python -m stages.train` in a process group of its own."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
        return subprocess.Popen(self.command(*arguments), cwd=self.root, env=self.environment, **pipes)

    def run(self, *arguments):
        """The same, waited for: (exit code, output, errors)."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=240)
        return process.returncode, out, err

    def train(self):
        """The stage in this process; returns the checkpoints' bytes by name."""
        from accelerate.state import AcceleratorState

        from stages.train.__main__ import run_training

        AcceleratorState._reset_state(reset_partial_state=True)
        run_training(load(Train), load(Paths))
        return self.checkpoints()

    def train_until(self, step, monkeypatch):
        """Train, and be gone before that step (from 1)."""

        class Killed(BaseException):
            pass

        plain = Run.step

        def step_or_end(run, *arguments):
            if run.progress.step + 1 == step:
                raise Killed
            plain(run, *arguments)

        with monkeypatch.context() as patch:
            patch.setattr(Run, "step", step_or_end)
            with pytest.raises(Killed):
                self.train()

    def checkpoints(self):
        return {path.name: path.read_bytes() for path in self.files()}

    def hashes(self):
        return {path.name: model_hash(path) for path in self.files()}

    def files(self):
        return sorted((self.root / "outputs/checkpoints").glob("*.safetensors"))

    def states(self):
        return [path.parent for path in sorted((self.root / "state/train").glob("*/record.json"))]

    def forget(self):
        """As if nothing had been trained."""
        for folder in ("state", "outputs/checkpoints", "reports", "logs"):
            shutil.rmtree(self.root / folder, ignore_errors=True)


@pytest.fixture
def project(tmp_path, monkeypatch, tiny_sd):
    """Trains on the tiny SD1.5-like base; it is the current folder."""
    return make_project(tmp_path / "project", monkeypatch, tiny_sd)


@pytest.fixture
def project_sdxl(tmp_path, monkeypatch, tiny_sdxl):
    """Trains on the tiny SDXL-like base; it is the current folder."""
    return make_project(tmp_path / "project", monkeypatch, tiny_sdxl)


def make_project(root, monkeypatch, base):
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    root.mkdir()
    (root / "models").symlink_to(ROOT / "models")
    (root / "regularisation").mkdir()
    (root / "base").symlink_to(base)
    paths = {**params["paths"], "base": "base", "regularisation": "regularisation"}
    sample = {**params["sample"], "steps": 2, "prompts": {"one": "pixel art, a lady", "two": "pixel art, a lad"}}
    content = {"paths": paths, "train": {**params["train"], **SHORT}, "logs": params["logs"], "sample": sample}
    (root / "params.yaml").write_text(yaml.safe_dump(content))
    write_dataset(root / "outputs/dataset")
    monkeypatch.chdir(root)
    monkeypatch.setattr("stages.train.native.training.load_base", loaded_once)
    return Project(root)


LOADED = {}


def loaded_once(path, dtype, device, vae):
    """`load_base`, once per session: training hooks into a base, and moves its parts from device to device."""
    key = (path.resolve(), dtype, vae)
    if key not in LOADED:
        LOADED[key] = load_base(path, dtype, device, vae)
    base = LOADED[key]
    for part in (base.unet, *base.text_encoders):
        for module in part.modules():
            module._forward_hooks.clear()
    base.unet.disable_gradient_checkpointing()
    return base.to(torch.device(device))


@pytest.fixture
def killed_at(monkeypatch):
    """`killed_at(project, batch)`: a training that ends in that batch, as if it were killed; from 1."""
    from stages.train.native import gradients

    def train(project, batch):
        plain, calls = gradients.add_gradients, []

        def die(*arguments):
            calls.append(1)
            if len(calls) == batch:
                raise KeyboardInterrupt
            return plain(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr("stages.train.native.run.add_gradients", die)
            with pytest.raises(KeyboardInterrupt):
                project.train()

    return train


@pytest.fixture
def make_run():
    """`make_run(project, pool, base, **changes)`: a Run in this process, without accelerate."""
    made = []

    def make(project, pool=None, base=None, **changes):
        if changes:
            project.edit(**changes)
        params, paths = load(Train), load(Paths)
        manifest = read_manifest(paths.dataset)
        base = base or load_base(paths.base)
        pictures = read_pictures(base, manifest, paths.dataset, [], params.prior_loss_weight, None)
        accelerator = SimpleNamespace(
            device=torch.device("cpu"), num_processes=1, process_index=0, is_main_process=True,
        )  # fmt: skip
        plan = make_plan(params, manifest, [])
        made.append(Run(params, base, pictures, plan, manifest.resolution, accelerator, pool))
        return made[-1]

    yield make
    for run in made:
        run.network.restore()
