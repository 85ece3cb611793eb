"""Random numbers that are functions of (seed, purpose, step): not of what was drawn before, of threads or a device.

So a run that was killed and resumed, or split over processes, draws what the uninterrupted run draws.
"""

import hashlib

import torch


def key(seed: int, purpose: str, *where: int | str) -> int:
    """63 bits of SHA-256 over seed, purpose and position: `key(42, "noise", 17)`."""
    text = "/".join([str(seed), purpose, *(str(part) for part in where)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


CPU = torch.device("cpu")


def generator(seed: int, purpose: str, *where: int | str, device: torch.device = CPU) -> torch.Generator:
    """A fresh generator for one draw; on the CPU, since a CUDA generator's numbers differ between GPU models.

    On CUDA it is counter-based (Philox, Salmon et al. 2011): nothing is drawn but what is asked for.
    """
    return torch.Generator(device).manual_seed(key(seed, purpose, *where))


def normal(shape: tuple[int, ...], seed: int, purpose: str, *where: int | str) -> torch.Tensor:
    """N(0, 1), float32, on the CPU."""
    return torch.randn(shape, generator=generator(seed, purpose, *where))


def uniform(
    shape: tuple[int, ...], seed: int, purpose: str, *where: int | str, device: torch.device = CPU
) -> torch.Tensor:
    """U[0, 1), float32, drawn on a device: only where the draw is too large to be made on the CPU and sent."""
    return torch.rand(shape, generator=generator(seed, purpose, *where, device=device), device=device)


def permutation(length: int, seed: int, purpose: str, *where: int | str) -> list[int]:
    """0..length-1 in a random order."""
    order: list[int] = torch.randperm(length, generator=generator(seed, purpose, *where)).tolist()
    return order
