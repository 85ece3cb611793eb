"""What `validate` calls green runs through all stages: here one training step each, in this process."""

import contextlib
import io
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from fuzzing import examples
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from params_files import FIELDS, GOOD, allowed
from places import ROOT
from small_set import SmallSet, caption

from sprite_lora.core.errors import run
from sprite_lora.core.params import FILE
from sprite_lora.dataset.checks.rules import RULES
from sprite_lora.scoring.metrics import METRICS

STAGES = ("package", "train", "sample", "score", "select", "finish", "report")

PROMPT = caption("green", 1).replace("brown hair", "black hair")
TINY = {
    "validate": {"trigger": ["pixel art", "24x24"]},
    "train": {"max_train_epochs": None, "max_train_steps": 1, "network_dim": 2, "conv_dim": 2, "train_batch_size": 2},
    "sample": {"steps": 1, "prompts": {"one": PROMPT}},
}
"""On top of the project's own values."""

names = st.from_regex(r"\A[a-z0-9_-]{1,100}\Z")
pairs = st.tuples(
    st.sampled_from(["weight_decay", "betas", "eps", "amsgrad", "relative_step", "d0", "min_lr", "lr_end", "foreach"]),
    st.sampled_from(["0", "0.1", "1", "-1", "1e-8", "1e300", "0.9,0.99", "0,0.99", "True", "False", "None", "'x'"]),
).map("=".join)
# Larger ones, and a larger network_mul, give black pictures: a result of training, which `select` says.
rates = st.floats(0, 0.01)
CHOSEN = {
    ("package", "name"): st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9-]{0,63}\Z"),
    ("package", "num_repeats"): st.integers(1, 3),
    ("package", "art_pixels"): st.just(24),
    ("package", "resolution"): st.just(192),
    ("package", "background"): st.from_regex(r"\A#[0-9a-fA-F]{6}\Z"),
    ("validate", "trigger"): st.sampled_from([[], ["pixel art"], ["pixel art", "24x24"]]),
    ("validate", "severity"): st.dictionaries(st.sampled_from([*RULES]), st.just("info"), max_size=2),
    ("train", "output_name"): st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\Z"),
    **{("train", key): rates for key in ("learning_rate", "unet_lr", "text_encoder_lr")},
    ("sample", "network_mul"): st.floats(-2, 2),
    ("train", "network_dim"): st.integers(1, 8),
    ("train", "conv_dim"): st.none() | st.integers(1, 4),
    ("train", "train_batch_size"): st.integers(1, 9),
    ("train", "gradient_accumulation_steps"): st.integers(1, 3),
    ("train", "num_processes"): st.just(1),
    ("train", "network_args"): st.lists(
        st.sampled_from(["algo=lokr", "algo=loha", "algo=locon", "factor=4", "preset=attn-mlp", "dora_wd=True"]),
        max_size=2,
    ),
    ("train", "optimizer_args"): st.lists(pairs, max_size=2),
    ("train", "lr_scheduler_args"): st.lists(pairs, max_size=1),
    ("sample", "steps"): st.integers(1, 3),
    ("sample", "negative_prompt"): st.text(max_size=30) | st.just("blurry, smooth"),
    ("sample", "prompts"): st.dictionaries(
        names, (st.just("") | st.text(max_size=30)).map(lambda more: f"{PROMPT} {more}"), min_size=1, max_size=2
    ),
    ("score", "lost"): st.dictionaries(st.sampled_from([each.name for each in METRICS]), st.floats(0, 1), max_size=3),
    ("finish", "enlarge"): st.lists(st.integers(1, 20), max_size=3),
    ("report", "title"): st.text(min_size=1, max_size=30),
    ("report", "compare_with"): st.none() | st.text("HEAD~^@{}:/-ax0", min_size=1, max_size=8),
}  # fmt: skip
FIXED = {("train", key) for key in ("backend", "kohya_args", "max_train_steps", "max_train_epochs")}
FREE = [place for place in FIELDS if place[0] != "paths" and place not in FIXED]


@st.composite
def contents(draw: st.DrawFn):
    """A params.yaml with a few of its values changed to others that each key by itself allows."""
    content = {section: {**keys, **TINY.get(section, {})} for section, keys in GOOD.items()}
    for section, key in draw(st.lists(st.sampled_from(FREE), min_size=2, max_size=7, unique=True)):
        field = FIELDS[section, key]
        chosen = (section, key) in CHOSEN
        strategy = CHOSEN[section, key] if chosen else allowed(field.annotation, tuple(field.metadata))
        content[section][key] = draw(strategy)
    if content["train"]["save_every_n_steps"] is not None:
        content["train"]["save_every_n_epochs"] = None
    return content


class StageError(Exception):
    """A stage that failed, with what it said."""


def run_stage(stage, *arguments):
    """A stage's `main` as its command calls it."""
    said = io.StringIO()
    old, sys.argv = sys.argv, [stage, *arguments]
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            run(import_module(f"stages.{stage}.__main__").main)
    except SystemExit as stop:
        if stop.code:
            raise StageError(f"{stage}: {said.getvalue()[-2000:]}") from None
    except Exception as error:
        raise StageError(f"{stage}: {said.getvalue()[-1000:]} {type(error).__name__}: {error}") from error
    finally:
        sys.argv = old


def project(root: Path) -> Path:
    """Eight pairs and the project's own base model."""
    for empty in ("regularisation", "models/no_vae", "models/no_weights"):
        (root / empty).mkdir(parents=True)
    (root / "models/nano").symlink_to(ROOT / "models/nano")
    SmallSet(root).fill()
    return root


def is_green(root: Path, content) -> bool:
    (root / FILE).write_text(yaml.safe_dump(content, sort_keys=False))
    try:
        run_stage("validate")
    except StageError as failed:
        if "Traceback" in str(failed) or "error: " not in str(failed):
            raise
        return False
    return True


seen = set()


@pytest.mark.slow
@settings(examples(3, 300), phases=(Phase.generate,))
@given(contents())
def test_what_is_green_runs_through_all_stages(tmp_path_factory, content):
    root = project(tmp_path_factory.mktemp("green"))
    with contextlib.chdir(root):
        assume(is_green(root, content))
        assume((text := (root / FILE).read_text()) not in seen)
        seen.add(text)
        for stage in STAGES:
            run_stage(stage)
        assert (root / "reports/report.html").stat().st_size > 0
