"""The section `train` of params.yaml: kohya's own flag names with kohya's meaning; `null` is kohya's None.

Here stands all that the project knows of a flag, one row each, in rows/: what drift says of it, the file's metadata,
what is refused and what params.yaml says behind it derive from the rows. Names and defaults are sd-scripts' own
(library/train_util.py, train_network.py, library/custom_train_functions.py and networks/lora.py `create_network`, at
v0.10.1).
"""

from typing import Any, Literal, get_args, get_origin

from pydantic import model_validator

from sprite_lora.kohya.conflicts import Rates, conflicts, part_rate
from sprite_lora.kohya.flags import Flag, row_of, table
from sprite_lora.kohya.network_args import LYCORIS
from sprite_lora.kohya.rows import batch, course, data, network, noise, optimisation
from sprite_lora.kohya.sd_scripts import problems

GROUPS = (network, batch, optimisation, noise, data, course)
"""Modules of rows, in the order in which drift shows them."""


class Train(course.Course, data.Data, noise.Noise, optimisation.Optimisation, batch.Batch, network.Network):
    """How the LoRA is trained. Resolution and repeats belong to `package`.

    A field has kohya's default, so that params.yaml may leave it out. Fields of the last class come first.
    """

    key = "train"

    @model_validator(mode="after")
    def together(self) -> "Train":
        """What each key allows but not all of them together."""
        for wrong, message in conflicts(self.model_dump()):
            if wrong:
                raise ValueError(message)
        return self

    @model_validator(mode="after")
    def of_the_backend(self) -> "Train":
        """What the chosen backend does not know, and what `kohya_args` must not hold."""
        values = self.model_dump()
        wrong = [
            f"{name} is known to the backend {' and '.join(row.backends)} alone, and backend is {values['backend']}"
            for name, row in FLAGS.items()
            if row.section == "train" and values["backend"] not in row.backends and _is_given(name, values[name])
        ]
        refused = {name: row.refused for name, row in FLAGS.items() if row.refused}
        wrong += problems(values["kohya_args"], known_values(), refused)
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @property
    def rank_of_convolutions(self) -> int | None:
        """Of convolutions larger than 1x1; None where they are not trained. LyCORIS takes network_dim without one."""
        return self.conv_dim or (self.network_dim if self.network_module == LYCORIS else None)

    @property
    def rate_of_unet(self) -> float:
        """0 where the U-Net is not trained."""
        return part_rate(not self.network_train_text_encoder_only, self.unet_lr, self.learning_rate)

    @property
    def rate_of_text_encoder(self) -> Rates:
        """0 where the text encoders are not trained; one rate for all of them, or one for each."""
        return part_rate(not self.network_train_unet_only, self.text_encoder_lr, self.learning_rate)

    @property
    def file_precision(self) -> str | None:
        """save_precision; where that is null, the precision of the LoRA's weights in training, None for 32 bit."""
        if self.save_precision is None and (self.full_fp16 or self.full_bf16):
            return self.mixed_precision
        return self.save_precision


def _is_given(name: str, value: Any) -> bool:
    """Whether a key that may be left out has another value than then."""
    field = Train.model_fields[name]
    return not field.is_required() and value != field.default


def known_values() -> dict[str, tuple[Any, ...]]:
    """Key of `Train` to the values that it takes; none where it takes more than a few."""
    return {name: _literals(field.annotation) for name, field in Train.model_fields.items()}


def _literals(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(value for part in get_args(annotation) for value in _literals(part))


NOT_IN_TRAIN: tuple[Flag, ...] = tuple(row for module in GROUPS for row in module.BESIDE)
"""Rows that are no key of `train`: sd-scripts' other flags, and what `package` holds or the data decides."""

FLAGS: dict[str, Flag] = table([row_of(name, field) for name, field in Train.model_fields.items()], NOT_IN_TRAIN)
"""Every flag, in the order in which drift shows them."""
