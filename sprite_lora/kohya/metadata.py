"""What kohya's metadata (`ss_*`) says of a training, in the words of kohya's own flags.

Keys: sd-scripts train_network.py (`metadata = {...}` and the save hook). All values are text; `None` is written out.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

FLAGS = {
    "ss_learning_rate": "learning_rate", "ss_text_encoder_lr": "text_encoder_lr", "ss_unet_lr": "unet_lr",
    "ss_gradient_checkpointing": "gradient_checkpointing",
    "ss_gradient_accumulation_steps": "gradient_accumulation_steps", "ss_max_train_steps": "max_train_steps",
    "ss_num_epochs": "max_train_epochs", "ss_lr_warmup_steps": "lr_warmup_steps", "ss_lr_scheduler": "lr_scheduler",
    "ss_network_module": "network_module", "ss_network_dim": "network_dim", "ss_network_alpha": "network_alpha",
    "ss_network_dropout": "network_dropout", "ss_mixed_precision": "mixed_precision", "ss_full_fp16": "full_fp16",
    "ss_clip_skip": "clip_skip", "ss_max_token_length": "max_token_length", "ss_cache_latents": "cache_latents",
    "ss_seed": "seed", "ss_lowram": "lowram", "ss_noise_offset": "noise_offset",
    "ss_multires_noise_iterations": "multires_noise_iterations",
    "ss_multires_noise_discount": "multires_noise_discount", "ss_adaptive_noise_scale": "adaptive_noise_scale",
    "ss_zero_terminal_snr": "zero_terminal_snr", "ss_max_grad_norm": "max_grad_norm",
    "ss_caption_dropout_rate": "caption_dropout_rate", "ss_caption_tag_dropout_rate": "caption_tag_dropout_rate",
    "ss_prior_loss_weight": "prior_loss_weight", "ss_min_snr_gamma": "min_snr_gamma",
    "ss_scale_weight_norms": "scale_weight_norms", "ss_ip_noise_gamma": "ip_noise_gamma",
    "ss_debiased_estimation": "debiased_estimation_loss",
    "ss_noise_offset_random_strength": "noise_offset_random_strength", "ss_loss_type": "loss_type",
    "ss_huber_schedule": "huber_schedule", "ss_huber_c": "huber_c", "ss_fp8_base": "fp8_base",
    "ss_resize_interpolation": "resize_interpolation", "ss_num_reg_images": "num_reg_images",
    "ss_batch_size_per_device": "train_batch_size", "ss_resolution": "resolution", "ss_color_aug": "color_aug",
    "ss_flip_aug": "flip_aug", "ss_random_crop": "random_crop", "ss_shuffle_caption": "shuffle_caption",
    "ss_enable_bucket": "enable_bucket", "ss_bucket_no_upscale": "bucket_no_upscale",
    "ss_min_bucket_reso": "min_bucket_reso", "ss_max_bucket_reso": "max_bucket_reso", "ss_keep_tokens": "keep_tokens",
}  # fmt: skip
"""Metadata key to flag, where the value is the flag's."""

PER_DATASET = {
    "batch_size_per_device": "train_batch_size", "resolution": "resolution", "enable_bucket": "enable_bucket",
    "bucket_no_upscale": "bucket_no_upscale", "min_bucket_reso": "min_bucket_reso",
    "max_bucket_reso": "max_bucket_reso",
}  # fmt: skip
"""Keys of one entry of `ss_datasets` to flags (a run with --dataset_config)."""

PER_SUBSET = {"shuffle_caption": "shuffle_caption", "keep_tokens": "keep_tokens", "flip_aug": "flip_aug",
              "color_aug": "color_aug", "random_crop": "random_crop", "num_repeats": "num_repeats"}  # fmt: skip

CONSTANTS = {"None": None, "null": None, "True": True, "False": False}

PREDICTION = {"sd_v1_v": True, "sd_v2_v": True, "sd_v1": False, "sd_v2": False}


def read_value(text: str) -> Any:
    """A value as sd-scripts wrote it with `str()`: None, bool, number, or text."""
    if text in CONSTANTS:
        return CONSTANTS[text]
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if math.isfinite(number) else text
    return text


def read_json(metadata: Mapping[str, str], key: str) -> Any:
    """JSON under a metadata key; None where it is absent or not JSON."""
    try:
        return json.loads(metadata[key])
    except (KeyError, ValueError, RecursionError):
        return None


def flags(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Flags that the metadata records, None where it records `not given`; empty for a file without `ss_*` keys."""
    found = {flag: read_value(metadata[key]) for key, flag in FLAGS.items() if key in metadata}
    if "min_bucket_reso" in found and not found.get("enable_bucket"):
        found.pop("min_bucket_reso")
        found.pop("max_bucket_reso", None)
    if "ss_optimizer" in metadata:
        name, _, arguments = metadata["ss_optimizer"].partition("(")
        found["optimizer_type"] = name.rsplit(".", 1)[-1]
        found["optimizer_args"] = arguments.removesuffix(")") or None
    if metadata.get("ss_base_model_version") in PREDICTION:
        found["v_parameterization"] = PREDICTION[metadata["ss_base_model_version"]]
    arguments_json = read_json(metadata, "ss_network_args")
    if isinstance(arguments_json, dict):
        found.update(
            {key: read_value(str(arguments_json[key])) for key in ("conv_dim", "conv_alpha") if key in arguments_json}
        )
    elif "ss_network_module" in metadata:
        found.update(conv_dim=None, conv_alpha=None)
    found.update(_of_datasets(metadata))
    return found


def _of_datasets(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Flags that stand in the dataset's description; only those on which all datasets of the run agree."""
    found: dict[str, Any] = {}
    folders = dataset_folders(metadata)
    repeats = {folder["n_repeats"] for folder in folders.values()}
    if len(repeats) == 1:
        found["num_repeats"] = repeats.pop()
    if regular := dataset_folders(metadata, "ss_reg_dataset_dirs"):
        found["num_reg_images"] = sum(folder["img_count"] for folder in regular.values())
    if folders:
        found["num_train_images"] = sum(folder["img_count"] for folder in folders.values())
    datasets = read_json(metadata, "ss_datasets")
    entries = [entry for entry in datasets if isinstance(entry, dict)] if isinstance(datasets, list) else []
    subsets = [subset for entry in entries for subset in entry.get("subsets") or [] if isinstance(subset, dict)]
    for table, rows in ((PER_DATASET, entries), (PER_SUBSET, subsets)):
        for key, flag in table.items():
            values = {json.dumps(row[key]) for row in rows if key in row}
            if len(values) == 1:
                found[flag] = json.loads(values.pop())
    return found


def dataset_folders(metadata: Mapping[str, str], key: str = "ss_dataset_dirs") -> dict[str, dict[str, int]]:
    """Training folder to its `n_repeats` and `img_count`; empty where the metadata does not say.

    `key`: `ss_reg_dataset_dirs` for regularisation pictures.
    """
    content = read_json(metadata, key)
    if not isinstance(content, dict):
        return {}
    return {
        str(name): {"n_repeats": entry["n_repeats"], "img_count": entry["img_count"]}
        for name, entry in content.items()
        if isinstance(entry, dict) and all(type(entry.get(key)) is int for key in ("n_repeats", "img_count"))
    }


def tag_frequency(metadata: Mapping[str, str]) -> dict[str, int]:
    """How often each tag stands in the captions trained on, over all folders; empty where the metadata does not say."""
    content = read_json(metadata, "ss_tag_frequency")
    counts: dict[str, int] = {}
    for folder in content.values() if isinstance(content, dict) else ():
        for tag, count in folder.items() if isinstance(folder, dict) else ():
            if type(count) is int:
                counts[tag.strip()] = counts.get(tag.strip(), 0) + count
    return counts
