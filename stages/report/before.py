"""The run that this one is held against: params.yaml and the captions as a Git revision has them."""

import json
from pathlib import Path
from typing import Any

from sprite_lora.core import git
from sprite_lora.core.params import FILE, parse
from sprite_lora.dataset.tokens import clip_tokenizer
from sprite_lora.results.changes import Changes, compare
from sprite_lora.results.run_facts import Captions, RunFacts, from_params

CAPTIONS = "captions.json"


def changes_since(revision: str | None, params: dict[str, Any], reports: Path) -> Changes | None:
    """What changed between a Git revision and this run, in effect; None where the revision holds no such run."""
    before = _at(revision, reports) if revision else None
    if before is None:
        return None
    captions = json.loads((reports / CAPTIONS).read_text(encoding="utf-8"))
    now = from_params(params, "this run", f"{FILE}", Captions(texts=captions, version="this run"))
    return compare(before, now, clip_tokenizer())


def _at(revision: str, reports: Path) -> RunFacts | None:
    params = git.read(Path(), revision, FILE.as_posix())
    captions = git.read(Path(), revision, (reports / CAPTIONS).as_posix())
    if params is None or captions is None:
        return None
    known = Captions(texts=json.loads(captions), version=revision)
    return from_params(parse(params), revision, f"{FILE} at {revision}", known)
