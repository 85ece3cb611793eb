"""A file trained here beside one that kohya sd-scripts trained: equal keys, shapes, types and metadata, and it loads.

    python -m benchmarks.kohya_file [--base PATH] [--keep FOLDER]

Trains two epochs at 64 px, rank 1, on the four pictures and with the flags of ../shared/kohya/sd15_perfect.safetensors,
without a hub (HF_HUB_OFFLINE=1, an empty HF_HOME), on an SD1.5-size base: a diffusers folder or one .safetensors file;
without --base one of random weights is made (4 GB, half a minute). Prints a line per check and exits 1 where one fails.
About three minutes on two cores, 12 GB of memory.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import yaml
from PIL import Image

from sprite_lora.bases.base_model import load_base
from sprite_lora.bases.family import CONFIGS
from sprite_lora.core.files import sha256, sha256_text
from sprite_lora.core.header import read_header
from sprite_lora.core.record import METADATA_KEY
from sprite_lora.dataset.manifest import Item, Manifest
from sprite_lora.lora.file import model_hash, read_record
from sprite_lora.lora.network import LoRANetwork

ROOT = Path(__file__).resolve().parents[1]
KOHYA = ROOT.parent / "shared" / "kohya"
FLAGS = {
    "learning_rate": 1e-4, "unet_lr": 1e-4, "text_encoder_lr": 5e-5, "network_dim": 1, "network_alpha": 0.5,
    "shuffle_caption": True, "keep_tokens": 2, "max_token_length": 225, "lr_scheduler": "cosine_with_restarts",
    "lr_scheduler_num_cycles": 3, "min_snr_gamma": 5.0, "noise_offset": 0.1, "multires_noise_iterations": 6,
    "multires_noise_discount": 0.3, "adaptive_noise_scale": 0.00357, "train_batch_size": 4, "max_train_epochs": 2,
    "output_name": "sd15_perfect", "save_precision": "fp16", "optimizer_type": "AdamW", "seed": 42,
}  # fmt: skip
PIPELINE = {
    "_class_name": "StableDiffusionPipeline", "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"],
    "safety_checker": [None, None], "feature_extractor": [None, None], "requires_safety_checker": False,
}  # fmt: skip
"""`model_index.json` of a diffusers folder: which class loads which part."""
OWN_VALUES = {
    "ss_session_id", "ss_training_started_at", "ss_training_finished_at", "modelspec.date", "ss_sd_scripts_commit_hash",
    "ss_sd_model_name", "ss_sd_model_hash", "ss_new_sd_model_hash", "sshs_model_hash", "sshs_legacy_hash",
}  # fmt: skip
"""Keys whose values are of the run, not of its settings."""


def make_base(folder: Path) -> Path:
    """SD1.5's architecture with random weights of seed 0, as a diffusers folder."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    configs = CONFIGS / "sd_v1"
    torch.manual_seed(0)
    for name, kind in (("unet", UNet2DConditionModel), ("vae", AutoencoderKL)):
        kind.from_config(json.loads((configs / name / "config.json").read_text())).save_pretrained(folder / name)
    text = CLIPTextModel(CLIPTextConfig.from_pretrained(configs / "text_encoder"))
    text.save_pretrained(folder / "text_encoder")
    shutil.copytree(configs / "scheduler", folder / "scheduler")
    shutil.copytree(ROOT / "models" / "nano" / "tokenizer", folder / "tokenizer")
    (folder / "model_index.json").write_text(json.dumps(PIPELINE))
    return folder


def make_project(folder: Path, base: Path) -> None:
    """A folder in which `python -m stages.train` trains as kohya's file was trained."""
    for name in ("stages", "models", "dvc.yaml"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "regularisation").mkdir()
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    (folder / base.name).symlink_to(base.absolute())
    paths, train = {**params["paths"], "base": base.name}, {**params["train"], **FLAGS}
    content = {"paths": paths, "train": train, "logs": params["logs"]}
    (folder / "params.yaml").write_text(yaml.safe_dump(content))
    pictures = folder / "outputs" / "dataset" / "2_punk"
    pictures.mkdir(parents=True)
    items = []
    for path in sorted((KOHYA / "dataset_2_punk").glob("*.png")):
        image = Image.open(path).convert("RGB").resize((64, 64), Image.Resampling.NEAREST)
        image.save(pictures / path.name)
        caption = path.with_suffix(".txt").read_text().split("\n")[0].strip()
        items.append(Item(stem=path.stem, caption=caption, sprite_sha256=sha256(path),
                          caption_sha256=sha256_text(caption), snapped_pixels=0))  # fmt: skip
    manifest = Manifest(folder="2_punk", name="punk", num_repeats=2, resolution=64, art_pixels=24,
                        background="#ffffff", sprites_sha256="", captions_sha256="", items=tuple(items))  # fmt: skip
    (folder / "outputs" / "dataset" / "manifest.json").write_text(manifest.model_dump_json())


def check(what: str, holds: bool) -> bool:
    print(f"{'ok  ' if holds else 'FAIL'}  {what}", flush=True)
    return holds


def compare(own: Path, theirs: Path) -> list[bool]:
    """Our file against kohya's."""
    one, two = read_header(own), read_header(theirs)
    layouts = [{name: (info["dtype"], info["shape"]) for name, info in some.tensors.items()} for some in (one, two)]
    settings = [{k: v for k, v in some.metadata.items() if k not in OWN_VALUES} for some in (one, two)]
    record = json.loads(settings[0].pop(METADATA_KEY))
    different = {key for key in {*settings[0], *settings[1]} if settings[0].get(key) != settings[1].get(key)}
    return [
        check(f"{own.name}: {len(layouts[0])} tensors with kohya's names, shapes and types", layouts[0] == layouts[1]),
        check(f"{own.name}: bytes of tensors {own.stat().st_size - one.data_start}",
              own.stat().st_size - one.data_start == theirs.stat().st_size - two.data_start),
        check(f"{own.name}: {len(one.metadata)} metadata keys: kohya's {len(two.metadata)} and our record",
              set(one.metadata) == {*two.metadata, METADATA_KEY}),
        check(f"{own.name}: {len(settings[1])} values of settings equal kohya's {sorted(different)}", not different),
        check(f"{own.name}: sshs_model_hash is its tensors'", model_hash(own) == one.metadata["sshs_model_hash"]),
        check(f"{own.name}: record of epoch {record['epoch']}", read_record(own) == record),
    ]  # fmt: skip


def same_picture(base_path: Path, file: Path) -> bool:
    """diffusers' `load_lora_weights` on a pipeline of this base, against our network in the same U-Net."""
    from diffusers import DDIMScheduler, StableDiffusionPipeline
    from transformers import CLIPTokenizer

    base = load_base(base_path)
    pipeline = StableDiffusionPipeline(
        vae=base.vae, unet=base.unet, text_encoder=base.text_encoders[0], safety_checker=None, feature_extractor=None,
        requires_safety_checker=False, scheduler=DDIMScheduler.from_config(base.scheduler),
        tokenizer=CLIPTokenizer.from_pretrained(ROOT / "models" / "nano" / "tokenizer", local_files_only=True),
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)

    def draw() -> torch.Tensor:
        noise = torch.Generator().manual_seed(42)
        drawn = pipeline("pixel art, 24x24", num_inference_steps=3, height=64, width=64, output_type="latent",
                         generator=noise)  # fmt: skip
        latents: torch.Tensor = drawn.images
        return latents

    plain = draw()
    network = LoRANetwork.from_file(base, file)
    network.apply_to_base()
    network.set_multiplier(1.0)
    own = draw()
    network.restore()
    pipeline.load_lora_weights(file.parent, weight_name=file.name)
    theirs = draw()
    moved, apart = (own - plain).abs().max().item(), (own - theirs).abs().max().item()
    return check(f"diffusers loads it: it moves the picture by {moved:.2e}, ours and diffusers' differ by {apart:.2e}",
                 apart < 1e-4 and moved > apart)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, help="an SD1.5-size base model; made of random weights when not given")
    parser.add_argument("--keep", type=Path, help="folder for base and project, kept; a temporary one when not given")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        scratch = arguments.keep or Path(temporary)
        base = arguments.base or make_base(scratch / "rand15")
        project = scratch / "project"
        project.mkdir(parents=True)
        (scratch / "empty").mkdir()
        make_project(project, base)
        offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(scratch / "empty"), "PYTHONPATH": str(project)}
        subprocess.run([sys.executable, "-m", "stages.train"], cwd=project, env={**os.environ, **offline}, check=True)
        out = project / "outputs" / "checkpoints"
        results = [check(f"nothing was fetched: HF_HOME holds {len(list((scratch / 'empty').rglob('*')))} files",
                         not any((scratch / "empty").rglob("*.safetensors")))]  # fmt: skip
        for name in ("sd15_perfect-000001.safetensors", "sd15_perfect.safetensors"):
            results += compare(out / name, KOHYA / name)
        results.append(same_picture(base, out / "sd15_perfect.safetensors"))
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
