"""`optimizer_args`: what each optimizer of the native trainer takes beside its rate, as data alone.

From the constructors of torch 2.10, bitsandbytes 0.48, transformers 4.57, lion-pytorch 0.2 and prodigyopt 1.1; what
fails on some device, or in any run here, is left out. No torch here: params.yaml is checked without it.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sprite_lora.kohya.arguments import keyword_arguments

Beta = Annotated[float, Field(ge=0, lt=1)]
AtLeast0 = Annotated[float, Field(ge=0)]
Above0 = Annotated[float, Field(gt=0)]


class _Taken(BaseModel):
    """Arguments of one optimizer; a field left out is the package's own default."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _Adam(_Taken):
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    eps: AtLeast0 = 0
    weight_decay: AtLeast0 = 0


class _AdamW(_Adam):
    amsgrad: bool = False
    maximize: bool = False
    foreach: bool | None = None


class _AdamW8bit(_Adam):
    min_8bit_size: Annotated[int, Field(ge=1)] = 4096
    percentile_clipping: Annotated[int, Field(ge=1, le=100)] = 100
    block_wise: bool = True
    is_paged: bool = False


class _Adafactor(_Taken):
    eps: tuple[AtLeast0, AtLeast0] = (0, 0)
    clip_threshold: Above0 = 1
    decay_rate: Annotated[float, Field(le=0)] = 0
    beta1: Beta | None = None
    weight_decay: AtLeast0 = 0
    scale_parameter: bool = True
    relative_step: bool = True
    warmup_init: bool = False


class _Lion(_Taken):
    betas: tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]] = (0.9, 0.99)
    weight_decay: AtLeast0 = 0
    decoupled_weight_decay: bool = False


class _Prodigy(_Taken):
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    beta3: Beta | None = None
    eps: Above0 = 1
    weight_decay: AtLeast0 = 0
    decouple: bool = True
    use_bias_correction: bool = False
    safeguard_warmup: bool = False
    d0: Above0 = 1
    d_coef: Above0 = 1
    growth_rate: Annotated[float, Field(ge=1)] = 2
    slice_p: Annotated[int, Field(ge=1)] = 1


TAKEN: dict[str, type[_Taken]] = {
    "AdamW": _AdamW,
    "AdamW8bit": _AdamW8bit,
    "Adafactor": _Adafactor,
    "Lion": _Lion,
    "Prodigy": _Prodigy,
}
"""By `optimizer_type`."""


def sets_rates(optimizer_type: str, optimizer_args: tuple[str, ...]) -> bool:
    """Whether the optimizer sets its own learning rates: Adafactor, unless told otherwise."""
    try:
        return (
            optimizer_type == "Adafactor" and keyword_arguments(optimizer_args).get("relative_step", True) is not False
        )
    except ValueError:
        return optimizer_type == "Adafactor"


def optimizer_problem(values: dict[str, Any]) -> str:
    """What is wrong with the optimizer and its arguments; empty where nothing is. `values`: the section `train`."""
    name, general = values["optimizer_type"], values["learning_rate"]
    try:
        arguments = keyword_arguments(values["optimizer_args"])
    except ValueError as error:
        return f"optimizer_args: {error}"
    if values["backend"] != "native":
        return ""
    try:
        TAKEN[name].model_validate(arguments)
    except ValidationError as error:
        return f"optimizer_args: {_explain(name, error)}"
    if name == "AdamW" and not all(isinstance(beta, float) for beta in arguments.get("betas", ())):
        return "optimizer_args: AdamW takes betas with a point, such as betas=0.0,0.99"
    if arguments.get("warmup_init") and not arguments.get("relative_step", True):
        return "optimizer_args: warmup_init does nothing without relative_step"
    if name in ("Lion", "Prodigy") and not general > 0:
        return f"optimizer_type {name} needs a learning_rate above 0, also where unet_lr and text_encoder_lr are given"
    return ""


def _explain(name: str, error: ValidationError) -> str:
    detail = error.errors()[0]
    key = detail["loc"][0]
    if detail["type"] == "extra_forbidden":
        return f"{name} takes no {str(key)[:80]!r} here; it takes {', '.join(TAKEN[name].model_fields)}"
    return f"{key}={str(detail['input'])[:80]}: {detail['msg'][0].lower()}{detail['msg'][1:]}"
