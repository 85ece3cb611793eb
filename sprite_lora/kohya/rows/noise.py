"""Noise, and how the loss is weighed."""

from typing import Annotated

from pydantic import Field

from sprite_lora.core.params import Section
from sprite_lora.kohya.flags import LARGEST, NOISE, ON, Flag, Rate, Share, flag


class Noise(Section):
    """Fields of the section `train`."""

    # fmt: off
    noise_offset: Rate | None = flag(None, NOISE, off_at_zero=True, metadata="ss_noise_offset",
        comment="float | null; strength of one more noise value per picture and channel",
        effect="lets overall brightness be learned: dark and bright pictures, flat backgrounds")
    adaptive_noise_scale: Annotated[float, Field(ge=-LARGEST, le=LARGEST)] | None = flag(None, NOISE,
        off_at_zero=True, metadata="ss_adaptive_noise_scale", needs=(("noise_offset", (ON,)),),
        comment="float | null; noise_offset grows by this times |mean of the latent|",
        effect="noise offset grows with brightness")
    noise_offset_random_strength: bool = flag(False, NOISE,
        metadata="ss_noise_offset_random_strength", needs=(("noise_offset", (ON,)),),
        comment="true = noise_offset times a random number from 0 to 1, one per batch",
        effect="a random part of the noise offset")
    multires_noise_iterations: Annotated[int, Field(ge=0)] | None = flag(None, NOISE,
        off_at_zero=True, metadata="ss_multires_noise_iterations",
        comment="int | null; levels of pyramid noise, 6 is usual",
        effect="noise at several scales: large flat areas are learned too")
    multires_noise_discount: Annotated[float, Field(ge=0, le=10)] = flag(0.3, NOISE,
        metadata="ss_multires_noise_discount", needs=(("multires_noise_iterations", (ON,)),),
        comment="float; level i of pyramid noise counts discount ** i", effect="how fast the coarser noise fades")
    min_snr_gamma: Rate | None = flag(None, NOISE, off_at_zero=True, metadata="ss_min_snr_gamma",
        comment="float | null; loss weight min(SNR, gamma) / SNR",
        effect="caps the weight of nearly clean steps: steadier training")
    debiased_estimation_loss: bool = flag(False, NOISE, metadata="ss_debiased_estimation",
        comment="true = loss weight 1 / sqrt(SNR), with v_parameterization 1 / (SNR + 1)",
        effect="another weighing of the steps")
    zero_terminal_snr: bool = flag(False, NOISE, required=True, metadata="ss_zero_terminal_snr",
        comment="true = the last timestep is pure noise; for v_parameterization, drawn so too",
        effect="the last step is pure noise: all dark and all bright pictures can be drawn")
    scale_v_pred_loss_like_noise_pred: bool = flag(False, NOISE, needs=(("v_parameterization", (True,)),),
        comment="true = loss weight SNR / (SNR + 1), for v_parameterization",
        effect="losses of the velocity weigh the steps as losses of the noise do")
    ip_noise_gamma: Rate | None = flag(None, NOISE, off_at_zero=True, metadata="ss_ip_noise_gamma",
        comment="float | null; strength of more noise on the input, not to be predicted; 0.1 is usual",
        effect="disturbs the noisy input")
    ip_noise_gamma_random_strength: bool = flag(False, NOISE,
        metadata="ss_ip_noise_gamma_random_strength", needs=(("ip_noise_gamma", (ON,)),),
        comment="true = ip_noise_gamma times a random number from 0 to 1, one per batch",
        effect="a random part of ip_noise_gamma")
    min_timestep: Annotated[int, Field(ge=0, lt=1000)] | None = flag(None, NOISE, off_at_zero=True,
        comment="int | null; first timestep that is trained; 0 is nearly clean, 999 nearly noise",
        effect="steps before it, details, are not trained")
    max_timestep: Annotated[int, Field(ge=1, le=1000)] | None = flag(None, NOISE,
        comment="int | null; the timestep after the last that is trained; null = all, 1000",
        effect="steps from it on, composition, are not trained")
    scale_weight_norms: Annotated[float, Field(gt=0)] | None = flag(None, NOISE,
        off_at_zero=True, metadata="ss_scale_weight_norms",
        comment="float | null; after a step, each module's weight change is scaled down to this norm",
        effect="keeps the LoRA's weights from growing past this")
    network_dropout: Share | None = flag(None, NOISE, off_at_zero=True, metadata="ss_network_dropout",
        comment="float 0..1 | null; share of the rank's neurons dropped in each step",
        effect="drops the LoRA's neurons at random in training")
    rank_dropout: Share | None = flag(None, NOISE, off_at_zero=True,
        comment="float 0..1 | null; share of the ranks dropped for each picture in each step",
        effect="drops whole ranks at random in training: none is relied on")
    module_dropout: Share | None = flag(None, NOISE, off_at_zero=True,
        comment="float 0..1 | null; share of the modules left out of each step",
        effect="leaves whole modules out at random in training")
    prior_loss_weight: Rate = flag(1.0, NOISE, metadata="ss_prior_loss_weight", needs=(("num_reg_images", (ON,)),),
        comment="float; loss weight of regularisation pictures (paths.regularisation)",
        effect="weight of regularisation pictures")
    # fmt: on


# fmt: off
BESIDE: tuple[Flag, ...] = (
    Flag("num_reg_images", NOISE, 0, "regularisation pictures beside the trained ones", metadata="ss_num_reg_images",
        after="prior_loss_weight"),
)
# fmt: on
"""Rows that are no key of `train`."""
