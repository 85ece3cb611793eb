"""Which LoRA has a given size: every combination that fits, never one guess."""

import re
from dataclasses import dataclass

from sprite_lora.bases.registry import families, label, load_family

MIB = 2**20
UNITS = {"": 1, "K": 2**10, "M": MIB, "G": 2**30, "T": 2**40}
"""`ls -h` counts in powers of 1024."""

HEADER = MIB // 2
"""The largest header that is reckoned with, in bytes: an SDXL LoRA's is 0.4 MiB."""

RANKS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True)
class Size:
    """A file's size: exact, or as a listing rounded it."""

    low: int
    """Smallest number of bytes that may be meant."""
    high: int
    """Largest."""
    text: str

    @property
    def exact(self) -> bool:
        return self.low == self.high


@dataclass(frozen=True, order=True)
class Fit:
    """One LoRA that has the size."""

    family: str
    rank: int
    bits: int
    """Per number of the file: 16 or 32."""
    text_encoders: bool
    tensors: int
    """Bytes, without a header."""

    def __str__(self) -> str:
        parts = "U-Net and text encoders" if self.text_encoders else "U-Net alone"
        return f"{label(self.family)} rank {self.rank} {self.bits}-bit, {parts}"


def exact(size: int) -> Size:
    """A size that is known to the byte."""
    return Size(size, size, f"{size:,}")


def parse_size(text: str) -> Size | None:
    """`36M`, `1.7G`, `435 MB`, `75615416`: what it may stand for; None where it is no size.

    A rounded size may have been rounded to nearest, up (GNU `ls -h`) or down, so it stands for one step to each side.
    """
    match = re.fullmatch(r"\s*(\d{1,18}(?:[.,]\d{1,18})?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    if match is None:
        return None
    number, unit = match[1].replace(",", "."), match[2].upper()
    if not unit:
        return exact(int(float(number)))
    decimals = len(number.partition(".")[2])
    step = 10.0**-decimals
    low, high = ((float(number) + sign * step) * UNITS[unit] for sign in (-1, 1))
    return Size(int(low) + 1, int(high) - 1, text.strip())


def tensor_bytes(family: str, rank: int, bits: int, text_encoders: bool) -> int:
    """Bytes of all tensors of a `networks.lora` file: down and up of each module, and one number for its alpha."""
    unet, text = load_family(family).adapted
    features = unet[0] + text_encoders * text[0]
    modules = unet[1] + text_encoders * text[1]
    return (features * rank + modules) * bits // 8


def fitting(size: Size) -> list[Fit]:
    """Every LoRA over a known family whose tensors, with a header of up to HEADER bytes, have this size."""
    fits = []
    for family in (one.name for one in families()):
        for rank in RANKS:
            for bits in (16, 32):
                for text_encoders in (True, False):
                    tensors = tensor_bytes(family, rank, bits, text_encoders)
                    if tensors + HEADER >= size.low and tensors <= size.high:
                        fits.append(Fit(family, rank, bits, text_encoders, tensors))
    return fits
