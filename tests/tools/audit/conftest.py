"""Checkpoints, pictures and captions as trainings leave them, small."""

import json
import os
import struct
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from places import SHARED


@pytest.fixture
def lora(tmp_path: Path) -> Callable[..., Path]:
    """lora(path, rank, metadata, at="2025-11-09T20:22") -> a LoRA file with one module."""

    def lora(
        name: str,
        rank: int = 4,
        metadata: dict[str, str] | None = None,
        at: str = "",
        dtype: str = "F16",
        text_width: int = 768,
    ) -> Path:
        width = {"F16": 2, "F32": 4}[dtype]
        down, up = rank * text_width * width, rank * 320 * width
        module = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
        header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
        header[f"{module}.lora_down.weight"] = {"dtype": dtype, "shape": [rank, text_width], "data_offsets": [0, down]}
        header[f"{module}.lora_up.weight"] = {"dtype": dtype, "shape": [320, rank], "data_offsets": [down, down + up]}
        text = json.dumps(header).encode()
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(down + up))
        date(path, at)
        return path

    return lora


def date(path: Path, at: str) -> None:
    """Set a file's date, given in UTC."""
    if at:
        moment = datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()
        os.utime(path, (moment, moment))


@pytest.fixture
def dated() -> Callable[[Path, str], None]:
    return date


@pytest.fixture
def captions(tmp_path: Path) -> Callable[..., Path]:
    """captions(folder, {stem: text}, at=...) -> the folder."""

    def captions(name: str, texts: dict[str, str], at: str = "") -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        for stem, text in texts.items():
            (folder / f"{stem}.txt").write_text(text)
            date(folder / f"{stem}.txt", at)
        return folder

    return captions


@pytest.fixture
def commit(tmp_path: Path) -> Callable[[str], None]:
    """commit("2025-11-09T19:28") commits everything below tmp_path with that date."""

    def commit(at: str) -> None:
        when = {"GIT_AUTHOR_DATE": f"{at}+00:00", "GIT_COMMITTER_DATE": f"{at}+00:00", "HOME": str(tmp_path)}
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        for arguments in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", at]):
            subprocess.run(["git", *arguments], cwd=tmp_path, check=True, env={**os.environ, **when})

    return commit


@pytest.fixture
def history() -> Path:
    """The listing of the real history."""
    file = SHARED / "real" / "history.csv"
    if not file.is_file():
        pytest.skip("the real history is not on this machine")
    return file
