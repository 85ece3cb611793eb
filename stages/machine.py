"""The device and the threads that a stage computes with."""

import os

import torch


def device() -> torch.device:
    """The first CUDA GPU, else the CPU."""
    return torch.device("cuda") if torch.cuda.is_available() else torch.device("cpu")


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_threads() -> int:
    """Use every core that this process may use, whatever OMP_NUM_THREADS says (Snakemake exports 1); returns how many.

    Sums are split among threads, so a fixed number is part of "same inputs, same bytes on one machine".
    """
    threads = cores()
    torch.set_num_threads(threads)
    return threads


def deterministic() -> None:
    """Ask torch for deterministic kernels; where CUDA has none for an operation, torch warns and goes on."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
