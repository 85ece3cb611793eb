"""The samplers that draw, by the names that kohya's sampler has: one line each. No torch here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Sampler:
    """How the noise is taken away."""

    scheduler: str
    """Class in diffusers."""
    web_ui: str
    """Name in AUTOMATIC1111's web UI."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What differs from the scheduler's own defaults, beside the base model's noise schedule."""


SAMPLERS = {
    "ddim": Sampler("DDIMScheduler", "DDIM"),
    "euler": Sampler("EulerDiscreteScheduler", "Euler"),
    "euler_a": Sampler("EulerAncestralDiscreteScheduler", "Euler a"),
    "dpm++_2m": Sampler(
        "DPMSolverMultistepScheduler", "DPM++ 2M", {"algorithm_type": "dpmsolver++", "solver_order": 2}
    ),
}
"""DDIM: Song et al. (2020), eta 0. Euler, Euler a: Karras et al. (2022), k-diffusion. DPM++ 2M: Lu et al. (2022)."""
