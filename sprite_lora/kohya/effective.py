"""Training settings as they take effect: kohya's defaults filled in, and which settings do nothing.

A difference between two runs is one between effective values. Names and defaults: train_params.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

from sprite_lora.kohya.flags import OFF, Flag, holds
from sprite_lora.kohya.train_params import FLAGS

State = Literal["given", "default", "unknown"]


@dataclass(frozen=True)
class Value:
    """A setting's effective value in one run."""

    value: Any
    state: State
    active: bool | None = True
    """Whether the setting does anything in this run; None where that hangs on something unknown."""
    note: str = ""
    """For a default: what it stands for. For an unknown value: why, and what it may be."""
    idle: str = ""
    """Why the setting does nothing, or may do nothing, in this run."""


SETTINGS: dict[str, Flag] = {name: row for name, row in FLAGS.items() if row.group}
"""Every setting that is compared, in the order in which it is shown."""


def resolve(
    given: Mapping[str, Any],
    *,
    unknown: Mapping[str, str] | None = None,
    unlisted: Literal["default", "unknown"] = "default",
    ignored: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Value]:
    """Effective value of every setting in SETTINGS.

    `given`: what was given, None for `as if not given`. `unknown`: settings whose value is not known, and why.
    `unlisted`: how to read a setting that is in neither: a command line that is whole leaves defaults, a table or a
    file's metadata leaves it unknown. `ignored`: settings that do nothing with the base's family, and why.
    """
    unknown = unknown or {}
    values: dict[str, Value] = {}
    for name, setting in SETTINGS.items():
        if name in unknown:
            values[name] = Value(None, "unknown", None, unknown[name])
        elif given.get(name) is not None:
            values[name] = Value(_normal(name, given[name]), "given")
        elif name in given or unlisted == "default" or "kohya" not in setting.backends:
            values[name] = Value(setting.default, "default")
        else:
            values[name] = Value(None, "unknown", None, "not recorded")
    _inherit(values)
    return {name: _activity(name, value, values, ignored) for name, value in values.items()}


def _normal(name: str, value: Any) -> Any:
    """One spelling per meaning: `512,512` and `(512, 512)`, `fp32` and `float`, 0 where 0 switches off."""
    if name == "resolution":
        sides = [side for side in str(value).strip("()[] ").replace("x", ",").split(",") if side.strip()]
        return "x".join(side.strip() for side in (sides * 2)[:2])
    if name == "optimizer_type":
        return str(value).split("(")[0].rsplit(".", 1)[-1]
    if name == "save_precision":
        return {"fp32": "float", "float32": "float"}.get(str(value), value)
    if name == "clip_skip" and value == 1:
        return None
    if name == "text_encoder_lr" and isinstance(value, list | tuple):
        rates = [float(rate) if type(rate) is int and abs(rate) < 2**53 else rate for rate in value]
        return rates[0] if len(rates) == 1 else str(rates)
    if value == [] or (SETTINGS[name].off_at_zero and value in OFF):
        return None
    if type(value) is int and isinstance(SETTINGS[name].default, float):
        return float(value) if abs(value) < 2**53 else value
    return value


def _inherit(values: dict[str, Value]) -> None:
    """Settings whose default is another setting's value."""
    for rate in ("unet_lr", "text_encoder_lr"):
        if values[rate].state == "default":
            source = values["learning_rate"]
            values[rate] = Value(
                source.value, source.state, None if source.state == "unknown" else True, "learning_rate"
            )
    for name in ("network_alpha", "conv_alpha"):
        dim = values[name.replace("alpha", "dim")]
        if values[name].state == "given" and values[name].value == 0:
            values[name] = Value(dim.value, dim.state, True, "0 stands for the rank")
    if values["save_precision"].state == "default":
        for flag, precision in (("full_fp16", "fp16"), ("full_bf16", "bf16")):
            if values[flag].value:
                values["save_precision"] = Value(precision, "default", True, flag)


def _activity(name: str, value: Value, values: Mapping[str, Value], ignored: Mapping[str, str]) -> Value:
    """The value with whether it does anything in this run."""
    active: bool | None = True
    idle = ""
    if name == "learning_rate":
        active, idle = False, "takes effect through unet_lr and text_encoder_lr"
    elif name in ignored:
        active, idle = False, ignored[name]
    elif name == "text_encoder_lr" and values["network_train_unet_only"].value:
        active, idle = False, "no text encoder is trained"
    elif name == "max_train_steps" and values["max_train_epochs"].value is not None:
        active, idle = False, "max_train_epochs decides"
    elif needs := SETTINGS[name].needs:
        answers = [_holds(values[needed], allowed) for needed, allowed in needs]
        active = True if True in answers else None if None in answers else False
        if active is not True:
            reason = " or ".join(needed for needed, _ in needs)
            idle = f"does nothing without {reason}" + (", which is not known" if active is None else "")
    if value.state == "unknown" and active:
        active = None
    return replace(value, active=active, idle=idle)


def _holds(value: Value, allowed: tuple[Any, ...]) -> bool | None:
    if value.state == "unknown":
        return None
    return holds(value.value, allowed)
