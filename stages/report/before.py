"""The run that this one is held against: params.yaml and the captions as a Git revision has them."""

from pathlib import Path
from typing import Any

from ruamel.yaml.error import YAMLError

from sprite_lora.core import git
from sprite_lora.core.params import FILE
from sprite_lora.core.yaml_text import parse
from sprite_lora.dataset.tokens import clip_tokenizer
from sprite_lora.results.captions import CaptionTexts
from sprite_lora.results.changes import Changes, compare
from sprite_lora.results.run_facts import Captions, RunFacts, from_params


def changes_since(revision: str | None, params: dict[str, Any]) -> Changes | None:
    """What changed between a Git revision and this run, in effect; None where the revision holds no such run."""
    before = _at(revision) if revision else None
    if before is None:
        return None
    captions = Captions(texts=CaptionTexts.read().root, version="this run")
    return compare(before, from_params(params, "this run", f"{FILE}", captions), clip_tokenizer())


def _at(revision: str) -> RunFacts | None:
    params = git.read(Path(), revision, FILE.as_posix())
    captions = git.read(Path(), revision, CaptionTexts.place.as_posix())
    if params is None or captions is None:
        return None
    texts = CaptionTexts.parse(captions, f"{CaptionTexts.place} at {revision}").root
    try:
        before = parse(params)
    except YAMLError:
        return None
    return from_params(before, revision, f"{FILE} at {revision}", Captions(texts=texts, version=revision))
