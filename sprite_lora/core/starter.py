"""The DVC process that started this one, and whether it still runs.

A stage can outlive a `dvc repro` that was killed. The next `dvc repro` removes the stage's outputs before it runs the
stage again, and what an orphan writes there at that moment makes DVC fail. So long stages ask before they write.
"""

import os
from functools import cache

import psutil

from sprite_lora.core.errors import SpriteLoraError


def require_starter() -> None:
    """Raise SpriteLoraError where DVC started this process and has ended since the first call.

    A process that a person, or another machine's scheduler, started has nobody to outlive.
    """
    dvc = _starter()
    if dvc is not None and (not dvc.is_running() or dvc.status() == psutil.STATUS_ZOMBIE):
        raise SpriteLoraError(
            "the `dvc` that started this stage was killed: the stage writes no more results",
            "uv run dvc repro goes on from what is saved",
        )


@cache
def _starter() -> psutil.Process | None:
    """The nearest ancestor that does not run for this stage: DVC names the stage to all that it starts."""
    stage = os.environ.get("DVC_STAGE")
    if stage is None:
        return None
    try:
        return next(
            (process for process in psutil.Process().parents() if process.environ().get("DVC_STAGE") != stage), None
        )
    except psutil.Error:
        return None
