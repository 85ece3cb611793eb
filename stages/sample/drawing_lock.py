"""One process at a time per epoch: no second sampler beside an orphan that outlived a killed `dvc repro`."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from sprite_lora.lora.epochs import Epoch, in_digits


@contextmanager
def drawing(state: Path, epochs: list[Epoch]) -> Iterator[None]:
    """Hold the locks of these epochs. Where another process holds one, say so and wait until it is done.

    An orphan that draws on with older params would otherwise write its pictures over newer ones. The operating
    system frees a dead process's locks. They are taken in rising order, so that no two processes wait for each other.
    """
    with ExitStack() as stack:
        for epoch in sorted(epochs):
            path = state / "sample" / f"epoch-{in_digits(epoch)}.lock"
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path)
            try:
                lock.acquire(blocking=False)
            except Timeout:
                print(
                    f"epoch {in_digits(epoch)} is being drawn by another process; waiting for it to end ({path})",
                    flush=True,
                )
                lock.acquire()
            stack.callback(lock.release)
        yield
