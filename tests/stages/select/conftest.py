"""What `score` and `train` leave behind, with scores to choose."""

import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from places import ROOT

from sprite_lora.core.files import canonical_json, write_bytes, write_json, write_text
from sprite_lora.core.record import METADATA_KEY
from sprite_lora.scoring.select_params import Select
from stages.select.choose import Epoch

QUALITIES = ("residual", "edges", "coherence", "palette", "detail", "coarse", "layout", "stray", "background")


@pytest.fixture
def rule() -> Select:
    return Select(tie_points=0.05, tie_standard_errors=0.5, copied_limit=0.25)


@pytest.fixture
def epoch() -> Callable[..., Epoch]:
    """epoch(3, [8, 9], copied=0.1): an epoch by its pictures' scores."""

    def epoch(number: int, scores: list[float], **mark: float) -> Epoch:
        mean = sum(scores) / len(scores)
        marks = {"score": mean, "copied": 0.0, "sameness": 0.0, **dict.fromkeys(QUALITIES, 0.9), **mark}
        return Epoch(
            number,
            marks,
            {f"prompt{i}": score for i, score in enumerate(scores)},
            hashlib.sha256(struct.pack("<f", number)).hexdigest(),
        )

    return epoch


def lora(output_name: str, number: int, weight: float) -> bytes:
    """A safetensors file of one number, with the metadata that select reads."""
    metadata = {
        "ss_output_name": output_name,
        "ss_epoch": str(number),
        METADATA_KEY: canonical_json({"stage": "train", "epoch": number}),
    }
    header = {"__metadata__": metadata, "w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + struct.pack("<f", weight)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Epoch]], Path]:
    """Write params.yaml, reports/score.* and outputs/checkpoints for these epochs, and make it the working folder."""
    monkeypatch.chdir(tmp_path)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({key: params[key] for key in ("paths", "score", "select")}))

    def write(epochs: list[Epoch]) -> Path:
        write_json(tmp_path / "reports/score.json", {"epochs": {f"{one.number:02d}": one.mark for one in epochs}})
        rows = [
            f"{one.number},{name},{score},{one.checkpoint if one.number else ''}"
            for one in epochs
            for name, score in one.pictures.items()
        ]
        write_text(tmp_path / "reports/score.csv", "\n".join(["epoch,picture,score,checkpoint", *rows]) + "\n")
        weights = {hashlib.sha256(struct.pack("<f", number)).hexdigest(): number for number in range(100)}
        last = max(one.number for one in epochs)
        for one in epochs:
            if one.number:
                name = "punk.safetensors" if one.number == last else f"punk-{one.number:06d}.safetensors"
                write_bytes(tmp_path / "outputs/checkpoints" / name, lora("punk", one.number, weights[one.checkpoint]))
        return tmp_path

    return write
