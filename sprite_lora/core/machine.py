"""The device and the threads that a stage computes with."""

import os
from concurrent.futures import ThreadPoolExecutor

import torch


def device() -> torch.device:
    """The first CUDA GPU, else the CPU."""
    return torch.device("cuda") if torch.cuda.is_available() else torch.device("cpu")


def cores() -> int:
    """Cores that this process may use, whatever OMP_NUM_THREADS says (Snakemake exports 1)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def one_thread_each(workers: int) -> ThreadPoolExecutor:
    """Workers that compute side by side, each operation on one thread: no result depends on how many they are.

    Small models gain more from it than from threads inside each operation, which wait for each other all the time.
    """
    return ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))


def deterministic() -> None:
    """Ask torch for deterministic kernels; where CUDA has none for an operation, torch warns and goes on."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
