"""The section `train` of params.yaml: kohya's own flag names with kohya's meaning; `null` is kohya's None.

Here stands all that the project knows of a flag, one row each, in rows/: what drift says of it, the file's metadata,
what is refused and what params.yaml says behind it derive from the rows. Names and defaults are sd-scripts' own
(library/train_util.py, train_network.py, library/custom_train_functions.py and networks/lora.py `create_network`, at
v0.10.1).
"""

from pydantic import model_validator

from sprite_lora.kohya.conflicts import Rates, conflicts, part_rate
from sprite_lora.kohya.flags import Flag, row_of, table
from sprite_lora.kohya.rows import batch, course, data, network, noise, optimisation

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


NOT_IN_TRAIN: tuple[Flag, ...] = tuple(row for module in GROUPS for row in module.BESIDE)
"""Rows that are no key of `train`: sd-scripts' other flags, and what `package` holds or the data decides."""

FLAGS: dict[str, Flag] = table([row_of(name, field) for name, field in Train.model_fields.items()], NOT_IN_TRAIN)
"""Every flag, in the order in which drift shows them."""
