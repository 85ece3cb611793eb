"""Number formats: kohya's words for them, torch's names, and those of the safetensors format. No torch at import."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Precision:
    """One number format that weights are computed or saved in."""

    name: str
    """kohya's word."""
    torch: str
    stored: str
    """`dtype` in a safetensors header."""
    bytes: int
    """Of one number."""


PRECISIONS = (
    Precision("fp32", "float32", "F32", 4),
    Precision("fp16", "float16", "F16", 2),
    Precision("bf16", "bfloat16", "BF16", 2),
)

ONLY_READ = {"F64": "fp64", "F8_E4M3": "fp8", "F8_E5M2": "fp8"}
"""Formats of files that other tools wrote, by their `dtype`."""

FULL = (None, "no", "float")
"""kohya's words for fp32 in mixed_precision and save_precision; a flag that is not given is None."""


def precision(flag: str | None) -> Precision:
    """The format that kohya's mixed_precision or save_precision asks for."""
    return next(one for one in PRECISIONS if one.name == ("fp32" if flag in FULL else flag))


def torch_dtype(flag: str | None) -> "torch.dtype":
    """`precision`, as torch has it."""
    import torch

    dtype: torch.dtype = getattr(torch, precision(flag).torch)
    return dtype


def name_of(stored: str) -> str:
    """kohya's word for a safetensors `dtype`; one without a word stays as it is."""
    return {one.stored: one.name for one in PRECISIONS}.get(stored) or ONLY_READ.get(stored, stored)


def stored_as(dtype: Any) -> str:
    """The safetensors `dtype` of a torch dtype."""
    return {f"torch.{one.torch}": one.stored for one in PRECISIONS}[str(dtype)]
