"""Small projects to check: real params, the project's own base model, a few sprites and captions."""

import contextlib
import io
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from places import ROOT
from small_set import SmallSet, caption

from sprite_lora.core.errors import run
from stages.validate.__main__ import main


class Done(NamedTuple):
    """What a run left on the terminal."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Project(SmallSet):
    """A folder with params.yaml, data/ and captions/; `validate` runs in it as the user runs it."""

    def edit(self, **changes: Any) -> None:
        """`train__network_dim=8` is `train.network_dim: 8`."""
        params = yaml.safe_load((self.root / "params.yaml").read_text())
        for dotted, value in changes.items():
            section, key = dotted.split("__")
            params[section][key] = value
        (self.root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False, width=10_000))

    def validate(self, *arguments: str) -> Done:
        """In this process: a new one takes a second to start."""
        out, err = io.StringIO(), io.StringIO()
        code = 0
        with (
            pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
        ):  # fmt: skip
            patch.chdir(self.root)
            patch.setattr(sys, "argv", ["validate", *arguments])
            try:
                run(main)
            except SystemExit as stop:
                code = int(stop.code or 0)
        return Done(code, out.getvalue(), err.getvalue())

    def validate_alone(self, **environment: str) -> Done:
        """In a process of its own, as the user runs it."""
        done = subprocess.run(
            [sys.executable, "-m", "stages.validate"],
            cwd=self.root, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", **environment}, capture_output=True,
            text=True, timeout=100,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    def report(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.root / "reports/validate.json").read_text())
        return content


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Eight clean pairs under the project's own params.yaml."""
    made = Project(tmp_path)
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    prompt = caption("green", 1).replace("brown hair", "black hair")
    made.edit(sample__prompts={"one": prompt})
    for empty in ("regularisation", "models/no_vae", "models/no_weights"):
        (tmp_path / empty).mkdir(parents=True)
    (tmp_path / "models/nano").symlink_to(ROOT / "models/nano")
    made.fill()
    return made
