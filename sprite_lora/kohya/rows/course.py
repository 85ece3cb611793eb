"""The run's course: how long, what is left, how fast."""

from typing import Annotated, Any

from pydantic import Field

from sprite_lora.core.params import Section
from sprite_lora.kohya.flags import DURATION, NOT_COMPARED, SPEED, Count, Flag, flag, kohya


class Course(Section):
    """Fields of the section `train`."""

    # fmt: off
    seed: int = flag(None, DURATION, required=True, metadata="ss_seed", ge=0, lt=2**32,
        comment="int; each random draw is a function of it and of the step",
        effect="every random draw; not given, a new one each run")
    max_train_epochs: Annotated[int, Field(ge=1, le=100_000)] | None = flag(
        None, DURATION, required=True, metadata="ss_num_epochs",
        comment="int | null; in one epoch each picture is seen package.num_repeats times; null = max_train_steps",
        effect="how often all pictures are shown")
    max_train_steps: Annotated[int, Field(ge=1, le=99_999_999)] | None = flag(
        None, DURATION, required=True, metadata="ss_max_train_steps", means=1600,
        comment="int | null, optimizer steps of the run, where max_train_epochs is null",
        effect="number of updates; max_train_epochs overrides it")
    save_every_n_epochs: Count | None = flag(None, DURATION, required=True,
        comment="int | null, epochs per checkpoint; the last step always leaves one; null = save_every_n_steps",
        effect="which epochs leave a file: what there is to choose from")
    save_every_n_steps: Count | None = flag(None, DURATION, required=True,
        comment="int | null, optimizer steps per checkpoint, where save_every_n_epochs is null",
        effect="which steps leave a file: what there is to choose from")
    gradient_checkpointing: bool = flag(False, SPEED, metadata="ss_gradient_checkpointing",
        comment="true = less memory, about a third more time, the same result", effect="less memory, more time")
    xformers: bool = flag(False, SPEED,
        comment="true = xformers' attention (CUDA GPU, extra `gpu`)",
        effect="another attention kernel: differs by rounding")
    sdpa: bool = flag(False, SPEED,
        comment="true = torch's own fast attention", effect="another attention kernel: differs by rounding")
    cache_text_encoder_outputs: bool = flag(False, SPEED,
        comment="true = captions are encoded once, text encoders leave the GPU; needs network_train_unet_only",
        effect="captions are encoded once: less memory, less time")
    save_state_every_n_steps: Count = flag(None, NOT_COMPARED, required=True, backends=("native",),
        comment="int, optimizer steps between two states to resume from; at each epoch's end too")
    kohya_args: dict[str, Any] = flag({}, NOT_COMPARED, backends=("kohya",),
        comment="flag: value, sd-scripts' flags that have no key here; true = a switch, a list = several values")
    # fmt: on


# fmt: off
BESIDE: tuple[Flag, ...] = (
    kohya("cache_latents_to_disk", SPEED, False, "latents are kept as files; stale ones are reused", after="sdpa"),
    kohya("vae_batch_size", SPEED, 1, "pictures encoded at once"),
    kohya("lowram", SPEED, False, "loads to the GPU directly", metadata="ss_lowram"),
    Flag("sample_every_n_epochs", NOT_COMPARED, None, section="logs", after="save_state_every_n_steps"),
    Flag("sample_at_first", NOT_COMPARED, False, section="logs"),
    kohya("training_comment", NOT_COMPARED, None, metadata="ss_training_comment"),
)
# fmt: on
"""Rows that are no key of `train`."""
