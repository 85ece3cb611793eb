"""Loss and learning rates per step, through dvclive, so that `dvc plots` and its editors show them while it trains."""

from pathlib import Path
from typing import Any

from sprite_lora.core.errors import SpriteLoraError


class StepLog:
    """Writes `plots/metrics/*.tsv` and `metrics.json`: steps and values, no clock."""

    def __init__(self, folder: Path, rows: list[dict[str, float]]) -> None:
        """Start the folder anew with the rows of the steps that a resumed run has already done."""
        from dvclive import Live
        from scmrepo.exceptions import SCMError

        try:
            self._live: Any = Live(str(folder), dvcyaml=False, save_dvc_exp=False, report=None)
        except SCMError as error:
            raise SpriteLoraError(f"dvclive cannot log: {error}", "commit once: git add -A; git commit") from None
        for step, row in enumerate(rows, start=1):
            self._log(step, row)
        if rows:
            self._live.make_summary()

    def add(self, step: int, row: dict[str, float]) -> None:
        """Log one step, counted from 1."""
        self._log(step, row)
        self._live.make_summary()

    def _log(self, step: int, row: dict[str, float]) -> None:
        self._live.step = step
        for name, value in row.items():
            self._live.log_metric(name, value)
