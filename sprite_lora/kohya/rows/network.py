"""The network: what is trained, at which rank."""

from typing import Annotated

from pydantic import AfterValidator, Field

from sprite_lora.core.params import LONGEST_STEM, Section
from sprite_lora.kohya.backends import known
from sprite_lora.kohya.flags import ARCHITECTURE, NOT_COMPARED, ON, Count, Flag, flag
from sprite_lora.kohya.network_args import Module


class Network(Section):
    """Fields of the section `train`."""

    # fmt: off
    backend: Annotated[str, AfterValidator(known)] = flag(None, NOT_COMPARED, required=True, backends=("native",),
        comment="native = this project's trainer; kohya = sd-scripts in its own environment")
    output_name: str = flag(None, NOT_COMPARED, required=True,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=LONGEST_STEM, metadata="ss_output_name",
        comment="text; checkpoints are <output_name>-000001.safetensors ... <output_name>.safetensors (last)")
    network_module: Module = flag("networks.lora", ARCHITECTURE, means=None, metadata="ss_network_module",
        comment="networks.lora | lycoris.kohya", effect="another kind of adapter altogether")
    network_args: tuple[str, ...] = flag((), ARCHITECTURE, means=None,
        comment='list of "key=value" for lycoris.kohya, such as ["algo=lokr", "factor=8"]; ranks are the keys below',
        effect="the adapter's own settings: its algorithm and which modules it adapts")
    network_dim: Count = flag(4, ARCHITECTURE, required=True, metadata="ss_network_dim",
        comment="int, rank of the LoRA matrices; more = more capacity, larger files",
        effect="rank: how much the LoRA can hold; weights and file grow with it")
    network_alpha: float = flag(1.0, ARCHITECTURE, metadata="ss_network_alpha", ge=0,
        comment="float; the LoRA's effect is scaled by network_alpha / network_dim; 0 = network_dim",
        effect="the LoRA counts alpha/dim times: that ratio is what learning rates meet")
    conv_dim: Count | None = flag(None, ARCHITECTURE, required=True, off_at_zero=True,
        comment="int | null; rank for 3x3 convolutions; null = they are not trained (lycoris.kohya: network_dim)",
        effect="whether the U-Net's 3x3 convolutions are adapted too, and at which rank")
    conv_alpha: float | None = flag(None, ARCHITECTURE, needs=(("conv_dim", (ON,)),), ge=0, means=1.0,
        comment="float | null; alpha for 3x3 convolutions; null = 1", effect="as network_alpha, for the convolutions")
    network_train_unet_only: bool = flag(False, ARCHITECTURE, required=True,
        comment="true = the text encoder stays as it is",
        effect="text encoders stay as they are: words get no new meaning")
    network_train_text_encoder_only: bool = flag(False, ARCHITECTURE, required=True,
        comment="true = the U-Net stays as it is", effect="the U-Net stays as it is: no new look is learned")
    v_parameterization: bool = flag(False, ARCHITECTURE, required=True,
        comment="true = predict the velocity, for base models made so",
        effect="must match the base: noise or velocity is predicted")
    clip_skip: Annotated[int, Field(ge=1)] | None = flag(None, ARCHITECTURE, required=True, metadata="ss_clip_skip",
        comment="int | null; text states of the n-th layer from the end; SDXL ignores it",
        effect="which layer of the text encoder is read; SDXL ignores it")
    # fmt: on


# fmt: off
BESIDE: tuple[Flag, ...] = (
    Flag("network_weights", ARCHITECTURE, None, "another LoRA to start from: what it has learned is there at the start",
        section="paths", after="network_args"),
)
# fmt: on
"""Rows that are no key of `train`."""
