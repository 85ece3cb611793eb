"""Stable Diffusion's own architecture, small: the untrained parts and the folder that diffusers loads.

192x192 pixels are 24x24 latent cells of 4 channels, so one art pixel of a 24x24 sprite is one cell. Every
level of the U-Net has cross attention, three blocks of it at the full 24x24, so that a LoRA reaches each cell.
"""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

PIXELS = 192
LATENTS = 24
TEXT_WIDTH = 64


def new_autoencoder() -> AutoencoderKL:
    """Factor 8, 4 latent channels. No attention, so that training on crops is training on whole pictures."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(24, 48, 72, 72),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=6,
        sample_size=PIXELS,
        mid_block_add_attention=False,
        scaling_factor=1.0,
    )


def new_text_encoder() -> CLIPTextModel:
    """CLIP's text transformer over CLIP's 49,408 tokens, width 64 in place of 768."""
    config = CLIPTextConfig(
        vocab_size=49408,
        hidden_size=TEXT_WIDTH,
        intermediate_size=4 * TEXT_WIDTH,
        num_hidden_layers=4,
        num_attention_heads=4,
        projection_dim=TEXT_WIDTH,
        max_position_embeddings=77,
        hidden_act="quick_gelu",
        bos_token_id=49406,
        eos_token_id=49407,
        pad_token_id=49407,
    )
    return CLIPTextModel(config)


def new_unet() -> UNet2DConditionModel:
    """Latents of 24, 12 and 6 cells a side; few wide heads (`attention_head_dim` is their number), quick on a CPU."""
    return UNet2DConditionModel(
        sample_size=LATENTS,
        in_channels=4,
        out_channels=4,
        block_out_channels=(64, 96, 128),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D",) * 3,
        up_block_types=("CrossAttnUpBlock2D",) * 3,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=(1, 1, 2),
        norm_num_groups=16,
    )


def new_scheduler() -> DDIMScheduler:
    """Stable Diffusion 1.5's noise schedule."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        num_train_timesteps=1000,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="epsilon",
    )


def write_model(
    folder: Path, autoencoder: AutoencoderKL, text_encoder: CLIPTextModel, unet: UNet2DConditionModel
) -> None:
    """Write the folder that `StableDiffusionPipeline.from_pretrained` loads: fp16 weights, no absolute paths."""
    pipeline = StableDiffusionPipeline(
        vae=autoencoder,
        text_encoder=text_encoder,
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        unet=unet,
        scheduler=new_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    for name in ("vae", "text_encoder", "unet"):
        part = getattr(pipeline, name)
        part.to(torch.float16).save_pretrained(folder / name)
        part.to(torch.float32)
    pipeline.scheduler.save_pretrained(folder / "scheduler")
    pipeline.save_config(folder)
    for path in sorted(folder.glob("**/*.json")):
        settings = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(settings, dict) and settings.pop("_name_or_path", None) is not None:
            path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
