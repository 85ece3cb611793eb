"""What a file's metadata says of a training: kohya's keys (`ss_*`, `modelspec.*`), read and written.

Keys: sd-scripts train_network.py (`metadata = {...}` and the save hook). All values are text; `None` is written out.
Which flag stands under which key is said by the flags' rows.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sprite_lora.core.files import canonical_json
from sprite_lora.core.record import METADATA_KEY
from sprite_lora.dataset.manifest import Manifest
from sprite_lora.kohya.network_args import read_back, recorded
from sprite_lora.kohya.train_params import FLAGS, Train

KEYS = {row.metadata: name for name, row in FLAGS.items() if row.metadata and row.group}
"""Metadata key to flag, where the value is the flag's."""

PER_DATASET = {row.dataset: name for name, row in FLAGS.items() if row.dataset}
"""Keys of one entry of `ss_datasets` to flags (a run with --dataset_config)."""

PER_SUBSET = {row.subset: name for name, row in FLAGS.items() if row.subset}

OWN = ("conv_dim", "conv_alpha", "rank_dropout", "module_dropout")
"""Flags of their own here that kohya takes as network arguments."""

CONSTANTS = {"None": None, "null": None, "True": True, "False": False}

PREDICTION = {"sd_v1_v": True, "sd_v2_v": True, "sd_v1": False, "sd_v2": False}

NO_CLOCK = {"ss_training_started_at": "0.0", "ss_training_finished_at": "0.0", "modelspec.date": "1970-01-01T00:00:00"}
"""Constants: a clock in the file would change its bytes at each run. The times are in logs/train."""

NO_BUCKETS = {"ss_bucket_info": "null", "ss_min_bucket_reso": "None", "ss_max_bucket_reso": "None"}
"""What sd-scripts writes while `enable_bucket` is off; `flags` reads no sizes then."""

NO_CHECKOUT = {"ss_sd_scripts_commit_hash": "(unknown)"}
"""sd-scripts' value where it runs outside of a Git checkout."""


def read_value(text: str) -> Any:
    """A value as sd-scripts wrote it with `str()`: None, bool, number, or text."""
    if text in CONSTANTS:
        return CONSTANTS[text]
    for kind in (int, float):
        try:
            number = kind(text)
            return number if math.isfinite(number) else text
        except (ValueError, OverflowError):
            continue
    return text


def read_json(metadata: Mapping[str, str], key: str) -> Any:
    """JSON under a metadata key; None where it is absent or not JSON."""
    try:
        return json.loads(metadata[key])
    except (KeyError, ValueError, RecursionError):
        return None


def flags(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Flags that the metadata records, None where it records `not given`; empty for a file without `ss_*` keys."""
    found = {flag: read_value(metadata[key]) for key, flag in KEYS.items() if key in metadata}
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
        found.update({key: read_value(str(arguments_json[key])) for key in OWN if key in arguments_json})
        found["network_args"] = read_back(arguments_json)
    elif "ss_network_module" in metadata:
        found.update(conv_dim=None, conv_alpha=None, network_args=None)
    if "ss_network_module" in metadata:
        found.setdefault("vae", None)  # sd-scripts writes ss_vae_name only where --vae is given
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


@dataclass(frozen=True)
class Training:
    """What a file says of its training beside the params, the data and the record."""

    base_keys: dict[str, str]
    """The keys that name the base model's family."""
    base: Path
    optimizer: str
    """As kohya writes it: `torch.optim.adamw.AdamW(weight_decay=0.1)`."""
    batches_per_epoch: int
    epochs: int
    steps: int
    regularisation: dict[str, dict[str, int]]
    """kohya's `ss_reg_dataset_dirs`."""
    vae: Path | None = None
    """An autoencoder in the place of the base's own."""


def file_metadata(params: Train, manifest: Manifest, record: dict[str, Any], training: Training) -> dict[str, str]:
    """All keys that do not change from epoch to epoch."""
    captions = [item.caption for item in manifest.items]
    regular = training.regularisation
    return {
        **_flag_values(params),
        **NO_CLOCK,
        **NO_BUCKETS,
        **NO_CHECKOUT,
        **_model(params, manifest, training, record),
        "ss_session_id": str(int(record["fingerprint"][:8], 16)),
        "ss_num_train_images": str(len(manifest.items) * manifest.num_repeats),
        "ss_num_reg_images": str(sum(folder["n_repeats"] * folder["img_count"] for folder in regular.values())),
        "ss_num_batches_per_epoch": str(training.batches_per_epoch),
        "ss_num_epochs": str(training.epochs),
        "ss_max_train_steps": str(training.steps),
        "ss_total_batch_size": str(params.train_batch_size * params.num_processes * params.gradient_accumulation_steps),
        "ss_resolution": str((manifest.resolution, manifest.resolution)),
        "ss_optimizer": training.optimizer,
        **_network_args(params),
        "ss_dataset_dirs": json.dumps(
            {manifest.folder: {"n_repeats": manifest.num_repeats, "img_count": len(captions)}}
        ),
        "ss_reg_dataset_dirs": json.dumps(regular),
        "ss_tag_frequency": json.dumps({manifest.folder: count_tags(captions)}),
    }


def epoch_metadata(record: dict[str, Any], epoch: int, step: int) -> dict[str, str]:
    """Keys of one checkpoint: where in the run it is, and our record, which names its epoch too."""
    return {"ss_epoch": str(epoch), "ss_steps": str(step), METADATA_KEY: canonical_json(record)}


def count_tags(captions: list[str]) -> dict[str, int]:
    """How many captions hold each tag, lower case, in order of appearance (kohya's `ss_tag_frequency`)."""
    tags = (tag.strip().lower() for caption in captions for tag in caption.split(","))
    return dict(Counter(filter(None, tags)))


def short_hash(base: Path) -> str:
    """8 hex digits over 64 KiB at 1 MiB of a single file (kohya `model_hash`); its word for a folder."""
    if base.is_dir():
        return "IsADirectory"
    with base.open("rb") as file:
        file.seek(0x100000)
        return hashlib.sha256(file.read(0x10000)).hexdigest()[:8]


def _flag_values(params: Train) -> dict[str, str]:
    """Each flag's key with its value; flags that this trainer does not have are at kohya's defaults."""
    values = {name: row.default for name, row in FLAGS.items()} | params.model_dump()
    if params.max_token_length == 75:
        values["max_token_length"] = None  # kohya's flag knows 150 and 225 alone
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    return {row.metadata: str(values[name]) for name, row in FLAGS.items() if row.metadata and row.written}


def _model(params: Train, manifest: Manifest, training: Training, record: dict[str, Any]) -> dict[str, str]:
    base = training.base
    keys = {
        **training.base_keys,
        "ss_sd_model_name": base.name,
        "ss_sd_model_hash": short_hash(base),
        "ss_new_sd_model_hash": record["base"] if base.is_file() else "IsADirectory",
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.title": params.output_name,
        "modelspec.resolution": f"{manifest.resolution}x{manifest.resolution}",
        "modelspec.prediction_type": "v" if params.v_parameterization else "epsilon",
    }
    if training.vae is not None:
        keys["ss_vae_name"] = training.vae.name
        keys["ss_vae_hash"] = short_hash(training.vae)
        keys["ss_new_vae_hash"] = record["vae"] if training.vae.is_file() else "IsADirectory"
    if params.min_timestep is not None or params.max_timestep is not None:
        last = 1000 if params.max_timestep is None else params.max_timestep
        keys["modelspec.timestep_range"] = f"{params.min_timestep or 0},{last}"
    if params.clip_skip is not None:
        keys["modelspec.encoder_layer"] = str(params.clip_skip)
    return keys


def _network_args(params: Train) -> dict[str, str]:
    arguments = recorded(params.model_dump())
    return {"ss_network_args": json.dumps(arguments)} if arguments else {}
