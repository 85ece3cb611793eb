"""The device and the threads that a stage computes with."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch
import torch.utils.deterministic

from sprite_lora.core.errors import SpriteLoraError


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


def deterministic(strict: bool = True) -> None:
    """Have torch take deterministic kernels; an operation that has none on CUDA raises, or warns if not `strict`.

    torch's flash and memory-efficient attention have a deterministic backward pass in strict mode alone, and cuDNN's is
    not taken then (torch, aten/src/ATen/native/transformers/cuda/sdp_utils.cpp).
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=not strict)
    # It would launch a kernel for each `empty`; nothing here reads memory that was not written.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False


@contextmanager
def explaining_memory(used: str, knobs: Sequence[str]) -> Iterator[None]:
    """Turn running out of memory into a SpriteLoraError: what was asked of it, and the `knobs` in order of effect."""
    try:
        yield
    except (torch.cuda.OutOfMemoryError, MemoryError, RuntimeError) as error:
        on_gpu = isinstance(error, torch.cuda.OutOfMemoryError)
        if not on_gpu and isinstance(error, RuntimeError) and "can't allocate memory" not in str(error):
            raise
        where = "the GPU's memory" if on_gpu else "memory"
        reason = str(error).split("\n")[0]
        raise SpriteLoraError(
            f"{where} is not enough for {used}: {reason}", "in order of effect: " + "; ".join(knobs)
        ) from None
