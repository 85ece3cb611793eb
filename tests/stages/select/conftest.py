"""What `score` and `train` leave behind, with scores to choose."""

import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from places import ROOT

from sprite_lora.core.files import canonical_json, write_bytes
from sprite_lora.core.record import METADATA_KEY
from sprite_lora.results.scores import EpochScore, MetricWords, PictureScore, Remark, Scores, TrainingLevel
from sprite_lora.scoring.judge import EpochVerdict
from sprite_lora.scoring.metrics import EPOCH_METRICS, METRICS, PICTURE_METRICS
from sprite_lora.scoring.remarks import epoch_remarks
from sprite_lora.scoring.select_params import Select

QUALITIES = {metric.name: 0.9 for metric in PICTURE_METRICS}


@pytest.fixture
def rule() -> Select:
    return Select(tie_points=0.05, tie_standard_errors=0.5, copied_limit=0.25)


@pytest.fixture
def epoch() -> Callable[..., EpochScore]:
    """epoch(3, [8, 9], copies=0.1): an epoch by its pictures' scores.

    epoch(3, [[8, 9], [7, 6]]): two prompts, each with two seeds.
    """

    def epoch(
        number: int, scores: list[float] | list[list[float]], checkpoint: str | None = None, **marks: float
    ) -> EpochScore:
        by_prompt = [one if isinstance(one, list) else [one] for one in scores]
        scores = [score for seeds in by_prompt for score in seeds]
        prompts = [f"prompt{place}" for place, seeds in enumerate(by_prompt) for _ in seeds]
        mean = sum(scores) / len(scores)
        faults = {metric.name: marks.pop(metric.name, 0.0) for metric in EPOCH_METRICS}
        found = EpochVerdict(mean, mean, min(scores), 0.0, faults, QUALITIES | marks)
        drawn = [
            picture(f"picture{place}", prompt, score, checkpoint or checkpoint_of(number))
            for place, (prompt, score) in enumerate(zip(prompts, scores, strict=True))
        ]
        said = [Remark(word=word, sentence=sentence) for word, sentence in epoch_remarks(found)]
        return EpochScore(number=number, **vars(found), remarks=tuple(said), drawn=tuple(drawn))

    return epoch


def picture(name: str, prompt: str, score: float, checkpoint: str) -> PictureScore:
    return PictureScore(
        name=name,
        score=score,
        copies=0.0,
        nearest=1.0,
        nearest_sprite="lad_001",
        qualities=QUALITIES,
        measures={},
        remarks=(),
        named=(),
        checkpoint=checkpoint,
        prompt=prompt,
        pixels=hashlib.sha256(f"{name} {checkpoint}".encode()).hexdigest(),
    )


def checkpoint_of(number: int) -> str:
    """The hash of the tensors that `lora` writes for this epoch; empty for the base."""
    return hashlib.sha256(struct.pack("<f", number)).hexdigest() if number else ""


@pytest.fixture
def words() -> tuple[MetricWords, ...]:
    """Every metric, at a weight of 0.5."""
    return tuple(MetricWords(name=m.name, label=m.label, cost=m.cost, weight=0.5) for m in METRICS)


def lora(output_name: str, number: int, weight: float) -> bytes:
    """A safetensors file of one number, with the metadata that select reads."""
    record = {"stage": "train", "epoch": number, "versions": {"torch": "2"}}
    record |= {name: name for name in ("captions", "sprites", "base", "code", "fingerprint")}
    metadata = {"ss_output_name": output_name, "ss_epoch": str(number), METADATA_KEY: canonical_json(record)}
    header = {"__metadata__": metadata, "w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + struct.pack("<f", weight)


@pytest.fixture
def lora_file() -> Callable[[str, int, float], bytes]:
    """`lora`, for a file of one's own."""
    return lora


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[MetricWords, ...]
) -> Callable[[list[EpochScore]], Path]:
    """Write params.yaml, reports/score.json and outputs/checkpoints for these epochs; make it the working folder."""
    monkeypatch.chdir(tmp_path)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({key: params[key] for key in ("paths", "select")}))

    def write(epochs: list[EpochScore]) -> Path:
        level = TrainingLevel(score=9.9, copy_limit=0.1, nearest=0.4)
        Scores(training=level, metrics=words, epochs=tuple(epochs)).write(tmp_path)
        weights = {checkpoint_of(number): number for number in range(100)}
        last = max(one.number for one in epochs)
        for one in epochs:
            if one.number:
                name = "punk.safetensors" if one.number == last else f"punk-{one.number:06d}.safetensors"
                write_bytes(tmp_path / "outputs/checkpoints" / name, lora("punk", one.number, weights[one.checkpoint]))
        return tmp_path

    return write
