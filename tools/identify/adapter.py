"""What a LoRA file is: its tensors' word first, then what its metadata states, and where the two differ."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sprite_lora.bases.registry import families, ignored_settings, label
from sprite_lora.core.header import Header
from sprite_lora.core.precision import name_of
from sprite_lora.core.record import METADATA_KEY
from sprite_lora.kohya.effective import Value, resolve
from sprite_lora.kohya.metadata import dataset_folders, flags, read_json, read_value, tag_frequency
from sprite_lora.lora.layout import Module, family
from sprite_lora.results.run_facts import from_record

STATED_FAMILIES = {word: one.name for one in families() for word in (one.name, *one.stated_names)}
"""Names that trainers state for a family: kohya `ss_base_model_version`, modelspec `architecture` before its slash."""


def describe_adapter(
    header: Header,
    modules: Sequence[Module],
    alphas: Mapping[str, float] | None = None,
    adapter_config: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Everything that a LoRA file says, as JSON values.

    `alphas`: module to its alpha tensor's value, None where they were not read. `adapter_config`: PEFT's JSON.
    """
    metadata = header.metadata
    base, basis = family(modules)
    record = _record(metadata)
    stated_alpha = _stated_alpha(metadata, adapter_config)
    ranks = Counter(module.rank for module in modules)
    components = sorted({module.component for module in modules})
    return {
        "kind": "LoRA",
        "layout": layout(modules, list(header.tensors)),
        "algorithms": _counts(module.algorithm + (" (DoRA)" if module.dora else "") for module in modules),
        "base": {"family": base, "label": label(base), "basis": basis, **_stated_base(metadata)},
        "rank": next(iter(ranks)) if len(ranks) == 1 else None,
        "alpha": _alpha(modules, alphas, stated_alpha),
        "precision": _precision(modules),
        "parameters": sum(module.parameters for module in modules),
        "modules": len(modules),
        "trains": {
            "unet": "unet" in components,
            "text_encoders": [name for name in components if name.startswith("text")],
            "convolutions": any(module.convolution for module in modules),
            "other": [name for name in components if name in ("transformer", "unknown")],
        },
        "groups": _groups(modules, alphas),
        "epoch": _number(metadata, "ss_epoch"),
        "step": _number(metadata, "ss_steps"),
        "output_name": metadata.get("ss_output_name"),
        "trainer": _trainer(metadata),
        "settings": _settings(metadata, modules, base, record),
        "dataset": _dataset(metadata),
        "record": record,
    }


def layout(modules: Sequence[Module], names: Sequence[str]) -> str:
    """Whose way of naming tensors it is."""
    first = modules[0].name
    algorithms = {module.algorithm for module in modules}
    if ":" in first:
        return "cloneofsimo/lora"
    if any(name.startswith("base_model.model.") for name in names):
        return "PEFT"
    if first.startswith(("lora_", "oft_unet", "lycoris_")):
        if algorithms == {"LoRA"} and not first.startswith("lycoris_"):
            return "kohya" if not any(module.convolution for module in modules) else "kohya or LyCORIS (LoCon)"
        return "kohya" if first.startswith("oft_unet") else "LyCORIS"
    if any("lora_A" in name for name in names):
        return "ComfyUI" if first.startswith("diffusion_model.") else "diffusers (PEFT)"
    return "diffusers"


def _counts(values: Any) -> dict[str, int]:
    return dict(Counter(str(value) for value in values).most_common())


def _precision(modules: Sequence[Module]) -> str:
    found = sorted({name_of(dtype) for module in modules for dtype in module.dtypes})
    return found[0] if len(found) == 1 else "mixed: " + ", ".join(found)


def _groups(modules: Sequence[Module], alphas: Mapping[str, float] | None) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str], list[Module]] = {}
    for module in modules:
        groups.setdefault((module.component, module.kind), []).append(module)
    return [
        {
            "component": component,
            "kind": kind,
            "modules": len(members),
            "ranks": _counts("whole" if module.rank is None else module.rank for module in members),
            "alphas": None if alphas is None else _counts(f"{alphas.get(m.name, 'none')}" for m in members),
            "precision": _precision(members),
            "parameters": sum(module.parameters for module in members),
        }
        for (component, kind), members in sorted(groups.items())
    ]  # fmt: skip


def _stated_alpha(metadata: Mapping[str, str], adapter_config: Mapping[str, Any] | None) -> tuple[float | None, str]:
    """(alpha that something other than the tensors states, and what states it)."""
    if "ss_network_alpha" in metadata:
        stated = read_value(metadata["ss_network_alpha"])
        return (float(stated), "ss_network_alpha") if isinstance(stated, int | float) else (1.0, "kohya's default")
    if adapter_config is not None and isinstance(adapter_config.get("lora_alpha"), int | float):
        return float(adapter_config["lora_alpha"]), "adapter_config.json"
    adapter = read_json(metadata, "lora_adapter_metadata")
    for key, value in adapter.items() if isinstance(adapter, dict) else ():
        if key.endswith("lora_alpha") and isinstance(value, int | float):
            return float(value), f"lora_adapter_metadata {key}"
    return None, ""


def _alpha(
    modules: Sequence[Module], alphas: Mapping[str, float] | None, stated: tuple[float | None, str]
) -> dict[str, Any]:
    """The alpha and where it comes from: read from the tensors, stated beside them, or a convention."""
    if alphas:
        values = Counter(alphas.values())
        return {"value": next(iter(values)) if len(values) == 1 else None, "source": "tensors", "stated": stated[0]}
    if stated[0] is not None:
        return {"value": stated[0], "source": f"stated: {stated[1]}", "stated": stated[0]}
    if any(module.alpha for module in modules):
        return {"value": None, "source": "in the tensors, which were not read: --tensors reads them", "stated": None}
    return {"value": None, "source": "none stored: the rank is used, so that the LoRA counts once", "stated": None}


def _stated_base(metadata: Mapping[str, str]) -> dict[str, Any]:
    words = (
        metadata.get("ss_base_model_version"),
        metadata.get("modelspec.architecture", "").split("/")[0] or None,
        metadata.get("ss_sd_model_version"),
    )
    stated = next((word for word in words if word), None)
    return {
        "stated": stated,
        "stated_family": STATED_FAMILIES.get(stated.lower(), "unknown") if stated else None,
        "name": metadata.get("ss_sd_model_name"),
        "hash": metadata.get("ss_new_sd_model_hash"),
        "short_hash": metadata.get("ss_sd_model_hash"),
    }


def _number(metadata: Mapping[str, str], key: str) -> int | None:
    value = read_value(metadata.get(key, "None"))
    return value if type(value) is int else None


def _trainer(metadata: Mapping[str, str]) -> dict[str, str]:
    keys = ("ss_sd_scripts_commit_hash", "modelspec.implementation_version", "software", "ot_revision", "format")
    return {key: metadata[key] for key in keys if key in metadata}


def _settings(
    metadata: Mapping[str, str], modules: Sequence[Module], base: str, record: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """Effective settings by our record, else by kohya's metadata; None for a file without either."""
    given = flags(metadata)
    if record is not None and isinstance(record.get("params"), dict):
        images, regularisation = given.get("num_train_images"), given.get("num_reg_images", 0)
        return _table(from_record(record, "", "", base, images, regularisation, given.get("vae")).settings)
    if not given:
        return None
    from_tensors = {
        "save_precision": _precision(modules),
        "network_train_unet_only": all(module.component == "unet" for module in modules),
        "network_train_text_encoder_only": all(module.component.startswith("text") for module in modules),
    }
    table = _table(resolve({**given, **from_tensors}, unlisted="unknown", ignored=ignored_settings(base)))
    for name in from_tensors:
        table[name]["state"] = "tensors"
    return table


def _table(values: Mapping[str, Value]) -> dict[str, dict[str, Any]]:
    return {name: {"value": v.value, "state": v.state, "note": v.note or v.idle} for name, v in values.items()}


def _dataset(metadata: Mapping[str, str]) -> dict[str, Any] | None:
    folders, tags = dataset_folders(metadata), tag_frequency(metadata)
    if not folders and not tags:
        return None
    common = sorted(tags.items(), key=lambda item: (-item[1], item[0]))
    return {
        "folders": folders,
        "images": sum(folder["img_count"] for folder in folders.values()),
        "images_per_epoch": sum(folder["img_count"] * folder["n_repeats"] for folder in folders.values()),
        "distinct_tags": len(tags),
        "most_frequent_tags": dict(common[:10]),
    }


def _record(metadata: Mapping[str, str]) -> dict[str, Any] | None:
    text = metadata.get(METADATA_KEY)
    return None if text is None else read_object(text)


def read_object(text: str) -> dict[str, Any]:
    """Our record out of its JSON; what else stands in its place under `unreadable`."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    return content if isinstance(content, dict) else {"unreadable": text[:200]}


def contradictions(path_stem: str, found: Mapping[str, Any], hashes: Mapping[str, Any]) -> list[str]:
    """Where the file's own words and its tensors say different things."""
    base, alpha = found["base"], found["alpha"]
    said = []
    if base["stated_family"] not in (None, "unknown", base["family"]) and base["family"] != "unknown":
        said.append(f"states the base {base['stated']}, but {base['basis']}: {base['label']}")
    settings = found["settings"] or {}
    rank = settings.get("network_dim", {})
    if rank.get("state") == "given" and found["rank"] is not None and rank["value"] != found["rank"]:
        said.append(f"states network_dim {rank['value']}, its tensors have rank {found['rank']}")
    if (
        alpha["source"] == "tensors"
        and None not in (alpha["stated"], alpha["value"])
        and not _close(alpha["stated"], alpha["value"])
    ):
        said.append(f"states alpha {alpha['stated']:g}, its tensors hold {alpha['value']:g}")
    for name, entry in hashes.items():
        if entry.get("agrees") is False:
            said.append(f"states {name} {entry['stated']}, its bytes give {entry['computed']}")
    return said  # fmt: skip


def _close(one: float, other: float) -> bool:
    """Equal up to the rounding of a 16-bit float."""
    return abs(one - other) <= 0.005 * max(abs(one), abs(other))
