"""Learning rates, the optimizer, and number formats."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from sprite_lora.core.params import Section
from sprite_lora.kohya.flags import OPTIMISATION, PRECISION, Count, Flag, Rate, flag, kohya

Optimizer = Literal["AdamW", "AdamW8bit", "Adafactor", "Lion", "Prodigy"]
Scheduler = Literal[
    "constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "cosine_with_min_lr", "polynomial",
    "adafactor",
]  # fmt: skip
_HUBER = (("loss_type", ("huber", "smooth_l1")),)

_CYCLES = (("lr_scheduler", ("cosine_with_restarts", "cosine_with_min_lr")),)


def _one_or_several(value: Any) -> Any:
    """A list of one rate is that rate, and an empty one is none, as kohya reads them."""
    if isinstance(value, list | tuple) and len(value) < 2:
        return value[0] if value else None
    return value


class Optimisation(Section):
    """Fields of the section `train`."""

    # fmt: off
    learning_rate: Rate = flag(2e-6, OPTIMISATION, metadata="ss_learning_rate",
        comment="float; for parts without a rate of their own",
        effect="stands in for unet_lr and text_encoder_lr where they are not given")
    unet_lr: Rate | None = flag(None, OPTIMISATION, metadata="ss_unet_lr",
        comment="float | null; U-Net's rate; null = learning_rate, 0 = not trained",
        effect="how fast the U-Net's part learns")
    text_encoder_lr: Annotated[Rate | tuple[Rate, ...] | None, BeforeValidator(_one_or_several)] = flag(
        None, OPTIMISATION, metadata="ss_text_encoder_lr",
        comment="float | list of one per text encoder | null; their rate; null = learning_rate, 0 = not trained",
        effect="how fast the text encoders' part learns")
    optimizer_type: Optimizer = flag("AdamW", OPTIMISATION,
        comment="text; such as AdamW, AdamW8bit (CUDA GPU, extra `gpu`), Lion, Prodigy (rates of 1)",
        effect="the rule of each update; 8-bit variants round their state")
    optimizer_args: tuple[str, ...] = flag((), OPTIMISATION, means=None,
        comment='list of "key=value", such as ["weight_decay=0.1"]',
        effect="the optimizer's own settings, such as weight decay")
    lr_scheduler: Scheduler = flag("constant", OPTIMISATION, metadata="ss_lr_scheduler",
        comment="constant | constant_with_warmup | linear | cosine | cosine_with_restarts | cosine_with_min_lr |"
        " polynomial | adafactor",
        effect="how the learning rate moves during training")
    lr_scheduler_num_cycles: Count = flag(1, OPTIMISATION, needs=_CYCLES,
        comment="int; restarts of cosine_with_restarts, half waves of cosine_with_min_lr",
        effect="how often the learning rate starts again from its height")
    lr_scheduler_power: float = flag(1, OPTIMISATION, needs=(("lr_scheduler", ("polynomial",)),), ge=0,
        comment="float; polynomial falls as (1 - progress) to this power",
        effect="shape of the decay")
    lr_scheduler_min_lr_ratio: Annotated[float, Field(ge=0, le=1)] | None = flag(None, OPTIMISATION,
        needs=(("lr_scheduler", ("cosine_with_min_lr",)),),
        comment="float 0..1 | null; share of the rate at which cosine_with_min_lr ends",
        effect="how much of the learning rate is left at the end")
    lr_scheduler_args: tuple[str, ...] = flag((), OPTIMISATION, means=None,
        comment='list of "key=value": lr_end of polynomial, min_lr of cosine_with_min_lr',
        effect="the schedule's own settings")
    lr_warmup_steps: int | float = flag(0, OPTIMISATION, metadata="ss_lr_warmup_steps", ge=0,
        comment="int, optimizer steps; below 1 a share of all steps",
        effect="steps in which the learning rate rises from zero")
    max_grad_norm: Rate = flag(1.0, OPTIMISATION, metadata="ss_max_grad_norm",
        comment="float; gradients are scaled down to this norm over all weights; 0 = never",
        effect="longer gradients are shortened to this")
    loss_type: Literal["l1", "l2", "huber", "smooth_l1"] = flag("l2", OPTIMISATION, metadata="ss_loss_type",
        comment="l2 | l1 | huber | smooth_l1; how an error counts",
        effect="how errors are weighed: l2 punishes large ones most")
    huber_schedule: Literal["constant", "exponential", "snr"] = flag("snr", OPTIMISATION,
        metadata="ss_huber_schedule", needs=_HUBER,
        comment="snr | exponential | constant; how huber_c moves over the timesteps",
        effect="how the Huber threshold moves")
    huber_c: Annotated[float, Field(gt=0)] = flag(0.1, OPTIMISATION, metadata="ss_huber_c", needs=_HUBER,
        comment="float; errors over it count linearly; the value at the noisiest timestep",
        effect="the Huber threshold")
    huber_scale: Annotated[float, Field(gt=0)] = flag(1.0, OPTIMISATION, metadata="ss_huber_scale", needs=_HUBER,
        written=False, comment="float; factor on huber_c's schedules exponential and constant",
        effect="factor on the Huber threshold")
    num_processes: Count = flag(1, OPTIMISATION, required=True,
        comment="int, processes with a GPU each; a step then sees as many batches",
        effect="GPUs: multiplies the batch, divides the steps")
    mixed_precision: Literal["no", "fp16", "bf16"] = flag("no", PRECISION, required=True, metadata="ss_mixed_precision",
        comment="'no' | fp16 (CUDA GPU) | bf16",
        effect="number format of the computation: fp16 and bf16 round differently")
    save_precision: Literal["float", "fp16", "bf16"] | None = flag("float", PRECISION, required=True,
        comment="float | fp16 | bf16 | null = float, files twice as large; with full_fp16 or full_bf16 those",
        effect="number format of the file; not given, kohya writes 32 bit")
    full_fp16: bool = flag(False, PRECISION, metadata="ss_full_fp16",
        comment="true = the LoRA's weights and gradients in 16 bit too; needs mixed_precision fp16",
        effect="weights and gradients in 16 bit too")
    full_bf16: bool = flag(False, PRECISION,
        comment="true = the LoRA's weights and gradients in 16 bit too; needs mixed_precision bf16",
        effect="weights and gradients in 16 bit too")
    # fmt: on


# fmt: off
BESIDE: tuple[Flag, ...] = (
    kohya("fp8_base", PRECISION, False, "the base in 8 bit", metadata="ss_fp8_base", written=False),
)
# fmt: on
"""Rows that are no key of `train`."""
