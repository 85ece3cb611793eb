"""What a checkpoint says about itself: kohya's `ss_*` and `modelspec.*` keys in kohya's formats, and our record."""

import hashlib
import json
from pathlib import Path
from typing import Any

from sprite_lora.bases.family import Family
from sprite_lora.core.files import canonical_json
from sprite_lora.core.record import METADATA_KEY
from sprite_lora.dataset.manifest import Manifest
from sprite_lora.kohya.train_params import Train
from stages.train.batches import Plan
from stages.train.captions import tag_frequency

NO_CLOCK = {"ss_training_started_at": "0.0", "ss_training_finished_at": "0.0", "modelspec.date": "1970-01-01T00:00:00"}
"""Constants: a clock in the file would change its bytes at each run. The times are in logs/train."""

NOT_IN_USE = {
    "ss_bucket_info": "null",
    "ss_bucket_no_upscale": "False",
    "ss_caption_dropout_every_n_epochs": "0",
    "ss_caption_tag_dropout_rate": "0.0",
    "ss_color_aug": "False",
    "ss_debiased_estimation": "False",
    "ss_enable_bucket": "False",
    "ss_face_crop_aug_range": "None",
    "ss_flip_aug": "False",
    "ss_full_fp16": "False",
    "ss_huber_c": "0.1",
    "ss_huber_schedule": "snr",
    "ss_ip_noise_gamma": "None",
    "ss_ip_noise_gamma_random_strength": "False",
    "ss_loss_type": "l2",
    "ss_lowram": "False",
    "ss_max_bucket_reso": "None",
    "ss_min_bucket_reso": "None",
    "ss_noise_offset_random_strength": "False",
    "ss_random_crop": "False",
    "ss_sd_scripts_commit_hash": "(unknown)",
    "ss_training_comment": "None",
    "ss_zero_terminal_snr": "False",
}
"""kohya's values for flags that this trainer does not have, at kohya's defaults."""

SAME_NAME = (
    "adaptive_noise_scale",
    "cache_latents",
    "caption_dropout_rate",
    "clip_skip",
    "gradient_accumulation_steps",
    "gradient_checkpointing",
    "keep_tokens",
    "learning_rate",
    "lr_scheduler",
    "lr_warmup_steps",
    "max_grad_norm",
    "max_token_length",
    "min_snr_gamma",
    "mixed_precision",
    "multires_noise_discount",
    "multires_noise_iterations",
    "network_alpha",
    "network_dim",
    "network_dropout",
    "noise_offset",
    "output_name",
    "prior_loss_weight",
    "scale_weight_norms",
    "seed",
    "shuffle_caption",
    "text_encoder_lr",
    "unet_lr",
)
"""Flags that `ss_<flag>` gives as they are."""


def file_metadata(
    params: Train,
    manifest: Manifest,
    plan: Plan,
    record: dict[str, Any],
    family: Family,
    base: Path,
    optimizer: str,
    regularisation: dict[str, dict[str, int]],
) -> dict[str, str]:
    """All keys that do not change from epoch to epoch. `regularisation`: kohya's `ss_reg_dataset_dirs`."""
    captions = [item.caption for item in manifest.items]
    shown = params.model_dump()
    if params.max_token_length == 75:
        shown["max_token_length"] = None  # kohya's flag knows 150 and 225 alone
    return {
        **NO_CLOCK,
        **NOT_IN_USE,
        **{f"ss_{flag}": str(shown[flag]) for flag in SAME_NAME},
        **_model(params, manifest, family, base, record["base"]),
        "ss_session_id": str(int(record["fingerprint"][:8], 16)),
        "ss_num_train_images": str(len(manifest.items) * manifest.num_repeats),
        "ss_num_reg_images": str(sum(d["n_repeats"] * d["img_count"] for d in regularisation.values())),
        "ss_num_batches_per_epoch": str(plan.batches_per_epoch),
        "ss_num_epochs": str(plan.epochs),
        "ss_max_train_steps": str(plan.steps),
        "ss_batch_size_per_device": str(plan.batch_size),
        "ss_total_batch_size": str(plan.batch_size * plan.processes * plan.accumulation),
        "ss_resolution": str((manifest.resolution, manifest.resolution)),
        "ss_optimizer": optimizer,
        "ss_network_module": "networks.lora",
        **_convolutions(params),
        "ss_dataset_dirs": json.dumps(
            {manifest.folder: {"n_repeats": manifest.num_repeats, "img_count": len(captions)}}
        ),
        "ss_reg_dataset_dirs": json.dumps(regularisation),
        "ss_tag_frequency": json.dumps({manifest.folder: tag_frequency(captions)}),
    }


def epoch_metadata(record: dict[str, Any], epoch: int, step: int) -> dict[str, str]:
    """Keys of one checkpoint: where in the run it is, and our record."""
    return {"ss_epoch": str(epoch), "ss_steps": str(step), METADATA_KEY: canonical_json({**record, "epoch": epoch})}


def _model(params: Train, manifest: Manifest, family: Family, base: Path, base_sha256: str) -> dict[str, str]:
    keys = {
        **family.metadata(params.v_parameterization),
        "ss_sd_model_name": base.name,
        "ss_sd_model_hash": short_hash(base),
        "ss_new_sd_model_hash": base_sha256 if base.is_file() else "IsADirectory",
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.title": params.output_name,
        "modelspec.resolution": f"{manifest.resolution}x{manifest.resolution}",
        "modelspec.prediction_type": "v" if params.v_parameterization else "epsilon",
    }
    if params.clip_skip is not None:
        keys["modelspec.encoder_layer"] = str(params.clip_skip)
    return keys


def _convolutions(params: Train) -> dict[str, str]:
    """kohya takes conv_dim and conv_alpha as network arguments, as text, and dropout joins them."""
    if params.conv_dim is None:
        return {}
    arguments: dict[str, Any] = {"conv_dim": str(params.conv_dim)}
    if params.conv_alpha is not None:
        arguments["conv_alpha"] = str(params.conv_alpha)
    return {"ss_network_args": json.dumps({**arguments, "dropout": params.network_dropout})}


def short_hash(base: Path) -> str:
    """8 hex digits over 64 KiB at 1 MiB of a single file (kohya `model_hash`); its word for a folder."""
    if base.is_dir():
        return "IsADirectory"
    with base.open("rb") as file:
        file.seek(0x100000)
        return hashlib.sha256(file.read(0x10000)).hexdigest()[:8]
