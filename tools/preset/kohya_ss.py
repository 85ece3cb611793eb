"""A LoRA configuration of the GUI kohya_ss (JSON), as the flags that the GUI gives sd-scripts for it.

Source: bmaltais/kohya_ss at 45088f0, kohya_gui/lora_gui.py `train_model`, kohya_gui/common_gui.py
`resolve_lr_warmup_steps`.
"""

import re
import shlex
from pathlib import Path
from typing import Any

from sprite_lora.core.errors import SpriteLoraError

RENAMED = {
    "optimizer": "optimizer_type",
    "max_resolution": "resolution",
    "lora_network_weights": "network_weights",
    "sdxl_no_half_vae": "no_half_vae",
    "sdxl_cache_text_encoder_outputs": "cache_text_encoder_outputs",
}
"""Key of the GUI to the flag that gets its value."""

LYCORIS = {
    "LoCon": "locon",
    "LyCORIS/BOFT": "boft",
    "LyCORIS/Diag-OFT": "diag-oft",
    "LyCORIS/DyLoRA": "dylora",
    "LyCORIS/GLoRA": "glora",
    "LyCORIS/LoCon": "locon",
    "LyCORIS/LoHa": "loha",
    "LyCORIS/LoKr": "lokr",
    "LyCORIS/Native Fine-Tuning": "full",
    "LyCORIS/iA3": "ia3",
}
"""`LoRA_type` to lycoris.kohya's `algo`."""

LYCORIS_ARGS = {
    "LyCORIS_preset": "preset", "conv_dim": "conv_dim", "conv_alpha": "conv_alpha", "rank_dropout": "rank_dropout",
    "module_dropout": "module_dropout", "use_tucker": "use_tucker", "use_scalar": "use_scalar",
    "rank_dropout_scale": "rank_dropout_scale", "train_norm": "train_norm", "bypass_mode": "bypass_mode",
    "dora_wd": "dora_wd", "factor": "factor", "use_cp": "use_cp", "decompose_both": "decompose_both",
    "train_on_input": "train_on_input", "constrain": "constraint", "rescaled": "rescaled", "unit": "block_size",
}  # fmt: skip
"""Key of the GUI to its name in network_args."""

OWN_ARGS = {
    "LyCORIS/DyLoRA": {"unit"},
    "LyCORIS/Diag-OFT": {"constrain", "rescaled"},
    "LyCORIS/iA3": {"train_on_input"},
    "LyCORIS/LoKr": {"factor", "use_cp", "decompose_both"},
}
"""Those of LYCORIS_ARGS that one `LoRA_type` alone reads."""

BLOCKS = ("down_lr_weight", "mid_lr_weight", "up_lr_weight", "block_lr_zero_threshold", "block_dims", "block_alphas",
          "conv_block_dims", "conv_block_alphas")  # fmt: skip
PLAIN_ARGS = ("rank_dropout", "module_dropout", "loraplus_lr_ratio", "loraplus_unet_lr_ratio",
              "loraplus_text_encoder_lr_ratio", *BLOCKS)  # fmt: skip
"""network_args of networks.lora beside those for 3x3 convolutions."""

MODULES = {
    "Standard": "networks.lora",
    "Kohya LoCon": "networks.lora",
    "LoRA-FA": "networks.lora_fa",
    "Kohya DyLoRA": "networks.dylora",
    "Kohya LoHa": "networks.loha",
    "Kohya LoKr": "networks.lokr",
} | dict.fromkeys(LYCORIS, "lycoris.kohya")
"""`LoRA_type` to the network_module."""

OTHER_BASES = ("flux1_checkbox", "sd3_checkbox", "hunyuan_image_checkbox", "anima_checkbox", "lumina_checkbox")

MULTIRES = ("multires_noise_iterations", "multires_noise_discount")
OFFSET = ("noise_offset", "adaptive_noise_scale", "noise_offset_random_strength")

GUI_ALONE = {
    "LoRA_type", "noise_offset_type", "epoch", "lr_warmup", "additional_parameters", "model_list", "use_wandb",
    "save_as_bool", "stop_text_encoder_training",
    "stop_text_encoder_training_pct", "num_cpu_threads_per_process", "dynamo_backend", "dynamo_mode", "lowvram",
    "xformers", "LyCORIS_preset", *LYCORIS_ARGS, *PLAIN_ARGS,
}  # fmt: skip
"""Keys that are no flag of sd-scripts, or become others below."""

OTHERS = re.compile(r"^(flux|sd3|t5|clip_[lg]|hunyuan|anima|lumina|chroma|logit_|mode_scale|weighting_scheme|ae$)"
                    r"|blocks_to_swap|model_prediction_type|timestep_sampling|discrete_flow_shift|train_blocks"
                    r"|guidance_scale|cpu_offload")  # fmt: skip
"""Keys for base models that this GUI knows and this project does not; the GUI does not read them for others."""


def is_kohya_ss(content: dict[str, Any]) -> bool:
    """Whether the GUI wrote it: these keys are the GUI's own."""
    return bool(content.keys() & {"LoRA_type", "max_resolution", "optimizer", "noise_offset_type", "model_list"})


def kohya_ss_flags(file: Path, content: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The flags, and what can't be said in flags. Raises SpriteLoraError where it is no LoRA for a base like ours."""
    kind = content.get("LoRA_type")
    if not isinstance(kind, str) or kind not in MODULES or any(content.get(key) is True for key in OTHER_BASES):
        found = f"LoRA_type {str(kind)[:40]!r}" if kind is not None else "without LoRA_type, so no training of a LoRA"
        raise SpriteLoraError(
            f"{file} is a configuration of kohya_ss {found}",
            f"what can be imported are LoRAs for SD1.5, SD2 and SDXL: {', '.join(MODULES)}",
        )
    # The GUI gives no flag whose value is empty, false or 0: sd-scripts then takes its default.
    given = {key: value for key, value in content.items() if not _is_off(value)}
    unused = OFFSET if given.get("noise_offset_type") == "Multires" else MULTIRES
    flags = {
        RENAMED.get(key, key): value
        for key, value in given.items()
        if key not in GUI_ALONE and key not in unused and not OTHERS.search(key)
    }
    flags |= _network(kind, content) | _course(given) | _parts(given) | _attention(given)
    return _with_additional(flags, given.get("additional_parameters", ""))


def _is_off(value: Any) -> bool:
    if isinstance(value, str):
        value = value.strip()
    return value is None or value is False or value == 0 or value in ("", "0", "0.0", "none", "None") or value == []


def _network(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    if kind in LYCORIS:
        others = set().union(*OWN_ARGS.values()) - OWN_ARGS.get(kind, set())
        names = {key: name for key, name in LYCORIS_ARGS.items() if key not in others}
        arguments = [f"algo={LYCORIS[kind]}"]
    else:
        convolutions = ("conv_dim", "conv_alpha") if kind != "Standard" else ()
        names = {name: name for name in (*convolutions, *PLAIN_ARGS)}
        arguments = []
    arguments += [f"{name}={content[key]}" for key, name in names.items() if not _is_off(content.get(key))]
    return {"network_module": MODULES[kind]} | ({"network_args": arguments} if arguments else {})


def _course(given: dict[str, Any]) -> dict[str, Any]:
    flags: dict[str, Any] = {}
    epochs = given.get("epoch", 1)
    if not given.keys() & {"max_train_epochs", "max_train_steps", "dataset_config"}:
        flags["max_train_epochs"] = epochs
    if "lr_scheduler_num_cycles" not in given:
        flags["lr_scheduler_num_cycles"] = epochs
    if "lr_warmup" in given and "lr_warmup_steps" not in given:  # per cent of all steps
        try:
            flags["lr_warmup_steps"] = float(given["lr_warmup"]) / 100
        except (TypeError, ValueError, OverflowError):
            flags["lr_warmup_steps"] = given["lr_warmup"]  # refused with all else that is no number
    return flags


def _parts(given: dict[str, Any]) -> dict[str, Any]:
    """A rate of 0 leaves that part out."""
    unet, text = "unet_lr" in given, "text_encoder_lr" in given
    return {"network_train_unet_only": unet and not text, "network_train_text_encoder_only": text and not unet}


def _attention(given: dict[str, Any]) -> dict[str, Any]:
    chosen = given.get("xformers")
    if chosen is True or chosen in ("xformers", "sdpa"):
        return {"xformers": chosen != "sdpa", "sdpa": chosen == "sdpa"}
    return {}


def _with_additional(flags: dict[str, Any], line: Any) -> tuple[dict[str, Any], list[str]]:
    """`additional_parameters`: more of the command line, which counts before the rest."""
    try:
        words = shlex.split(line) if isinstance(line, str) else []
    except ValueError:
        return flags, ["additional_parameters: cannot be read as a part of a command line"]
    more: dict[str, list[str]] = {}
    left_out = ["additional_parameters: what stands before the first --flag"] * (" ".join(words)[:2] not in ("", "--"))
    for word in words:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            more[name] = [value] if equals else []
        elif more:
            more[next(reversed(more))].append(word)
    return flags | {name: _one(values) for name, values in more.items()}, left_out


def _one(values: list[str]) -> Any:
    return True if not values else values[0] if len(values) == 1 else values


def sampling(content: dict[str, Any]) -> dict[str, Any]:
    """What the GUI draws samples with, where it draws any: `--s` and `--l` count where all prompts have the same."""
    prompts = content.get("sample_prompts")
    if _is_off(prompts) or not isinstance(prompts, str):
        return {}
    if _is_off(content.get("sample_every_n_epochs")) and _is_off(content.get("sample_every_n_steps")):
        return {}
    found: dict[str, Any] = {"scheduler": content.get("sample_sampler")}
    for option, key in (("s", "steps"), ("l", "guidance_scale")):
        said = {
            tuple(re.findall(rf"--{option} (\d+(?:\.\d+)?)", line)) for line in prompts.splitlines() if line.strip()
        }
        if len(said) == 1 and len(values := said.pop()) == 1:
            found[key] = values[0]
    return {key: value for key, value in found.items() if value is not None}
