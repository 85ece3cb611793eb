"""Small projects to check: real params, the project's own base model, a few sprites and captions."""

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from PIL import Image
from places import ROOT

from sprite_lora.core.errors import run
from sprite_lora.dataset.checks.limits import Gate
from sprite_lora.dataset.tokens import load_tokenizer
from stages.validate.__main__ import main

END = "sharp pixel edges, hard color borders, retro pixel art style"
COLOURS = {"green": (48, 148, 72), "blue": (56, 104, 216), "red": (200, 48, 56), "pink": (248, 152, 192)}


def sprite(background: tuple[int, int, int], number: int) -> np.ndarray:
    """24x24 cells: a face on a plain background, different for each number."""
    cells = np.full((24, 24, 3), background, dtype=np.uint8)
    cells[8:20, 7:17] = (240, 192, 156)
    cells[11, 9], cells[11, 14] = (0, 0, 0), (0, 0, 0)
    cells[20:, 4:20] = (30 + number % 200, 20, 90)
    return cells


def caption(background: str, number: int) -> str:
    hair = ("blonde", "brown", "black", "ginger")[number % 4]
    shirt = ("red", "white", "navy", "yellow", "teal")[number % 5]
    hat = ("cap", "beanie", "crown")[number % 3]
    return (
        f"pixel art, 24x24, portrait of bespoke punk lad, {hair} hair, wearing {hat}, light skin, "
        f"solid {background} background, {shirt} shirt, {END}"
    )


class Done(NamedTuple):
    """What a run left on the terminal."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Project:
    """A folder with params.yaml, data/ and captions/; `validate` runs in it as the user runs it."""

    root: Path

    def edit(self, **changes: Any) -> None:
        """`train__network_dim=8` is `train.network_dim: 8`."""
        params = yaml.safe_load((self.root / "params.yaml").read_text())
        for dotted, value in changes.items():
            section, key = dotted.split("__")
            params[section][key] = value
        (self.root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False, width=10_000))

    def write(self, stem: str, text: str | bytes | None = None, pixels: np.ndarray | bytes | None = None) -> None:
        if text is not None:
            (self.root / "captions" / f"{stem}.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
        if isinstance(pixels, bytes):
            (self.root / "data" / f"{stem}.png").write_bytes(pixels)
        elif pixels is not None:
            Image.fromarray(pixels).save(self.root / "data" / f"{stem}.png")

    def text(self, stem: str) -> str:
        return (self.root / "captions" / f"{stem}.txt").read_text()

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
    made.edit(paths__base=str(ROOT / "models/nano"), sample__prompts={"one": prompt})
    for folder in ("data", "captions", "regularisation"):
        (tmp_path / folder).mkdir()
    for number in range(8):
        word = sorted(COLOURS)[number % 4]
        made.write(f"lad_{number:03}", caption(word, number) + "\n", sprite(COLOURS[word], number))
    return made


@pytest.fixture(scope="session")
def clip() -> Any:
    return load_tokenizer(ROOT / "models/nano")


@pytest.fixture
def gate() -> Gate:
    """The gate that the default params make."""
    return Gate(
        art_pixels=24, background=(255, 255, 255), trigger=("pixel art", "24x24"), hex_tolerance=0,
        max_token_length=75, shuffle_caption=True, base=ROOT / "models/nano",
    )  # fmt: skip


@pytest.fixture
def draw() -> Callable[[tuple[int, int, int], int], np.ndarray]:
    return sprite


@pytest.fixture
def describe() -> Callable[[str, int], str]:
    return caption
