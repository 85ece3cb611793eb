"""The CUDA GPUs of this machine as the driver tells of them: what torch would find, without torch."""

import ctypes
from functools import cache

DRIVER = "libcuda.so.1"

NEWEST_OF_XFORMERS = (9, 0)
"""Compute capability. Of xformers 0.0.35 flash attention has no deterministic backward pass, and cutlass ends here."""

MAJOR, MINOR = 75, 76
"""The driver's numbers for the two parts of a compute capability (CUdevice_attribute)."""


@cache
def capabilities() -> tuple[tuple[int, int], ...]:
    """Compute capability of each GPU that CUDA_VISIBLE_DEVICES leaves, in order; none where there is no GPU."""
    try:
        driver = ctypes.CDLL(DRIVER)
    except OSError:
        return ()
    count = ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return ()
    numbers = range(count.value)
    return tuple((_attribute(driver, number, MAJOR), _attribute(driver, number, MINOR)) for number in numbers)


def _attribute(driver: ctypes.CDLL, device: int, attribute: int) -> int:
    value = ctypes.c_int()
    driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
    return value.value
