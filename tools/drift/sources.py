"""Where facts come from: params files, history files, checkpoints, Git revisions, DVC experiments, the working tree."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ruamel.yaml.error import YAMLError

from sprite_lora.bases.registry import UNKNOWN, family_of_width, ignored_settings
from sprite_lora.bases.registry import chosen_code as chosen_family
from sprite_lora.core import git
from sprite_lora.core.code import code_hash
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import read_bounded, sha256, utf8
from sprite_lora.core.header import read_header
from sprite_lora.core.params import FILE, Paths
from sprite_lora.core.precision import name_of
from sprite_lora.core.record import METADATA_KEY, base_hash, versions
from sprite_lora.core.yaml_text import parse
from sprite_lora.dataset.caption import first_line
from sprite_lora.kohya.backends import chosen_code as chosen_backend
from sprite_lora.kohya.effective import resolve
from sprite_lora.kohya.metadata import flags, tag_frequency
from sprite_lora.lora.layout import Module, family, read_modules
from sprite_lora.results.run_facts import CODE, Base, Captions, RunFacts, from_params, from_record
from tools.drift.history import LARGEST, caption_files, facts, is_history, read_history, read_yaml


def read_facts(what: str | None, captions: Path | None) -> RunFacts:
    """Facts of what an argument of `drift` names; None is the working tree.

    `captions`: a folder of caption versions for history files. Raises SpriteLoraError where nothing fits.
    """
    if what is None:
        return _params_file(FILE, "working tree")
    path = Path(what)
    if path.is_dir() and (path / FILE).is_file():
        return _params_file(path / FILE, what)
    if path.suffix in (".yaml", ".yml") and path.is_file():
        content = read_yaml(path)
        return facts(read_history(path, content), path, captions) if is_history(content) else _params_file(path, what)
    if path.is_file():
        return _checkpoint(path)
    return _revision(what)


def _params_file(path: Path, name: str) -> RunFacts:
    content = read_yaml(path)
    if not isinstance(content, Mapping) or "train" not in content:
        raise SpriteLoraError(f"{path} holds no section `train`", "params files and history files are compared")
    folder = _below(path.parent, content, "regularisation")
    pictures = sum(1 for _ in folder.rglob("*.png")) if folder and folder.is_dir() else 0
    captions, family_name = _captions_beside(path, content), _family(path.parent, content)
    start = _below(path.parent, content, "network_weights")
    start_hash = sha256(start) if start and start.is_file() else None
    found = from_params(content, name, f"{path}", captions, family_name, pictures, start_hash)
    if path != FILE:
        return found
    base = _below(Path(), content, "base")
    code = {}
    if base and base.exists() and Path("dvc.yaml").is_file():
        chosen = [*chosen_backend(str(content["train"].get("backend"))), *chosen_family(base)]
        code = {CODE: code_hash("train", chosen)}
    return replace(
        found,
        base=replace(found.base, path=base if base and base.exists() else None),
        software={**found.software, **code, **versions()},
    )


def with_base_hash(found: RunFacts, other: RunFacts) -> RunFacts:
    """The facts with the hash of the base as it lies in the working tree, if the other side has one to hold it to."""
    if found.base.path is None or other.base.sha256 is None:
        return found
    return replace(found, base=replace(found.base, sha256=base_hash(found.base.path)))


def _paths(content: Mapping[str, Any]) -> Mapping[str, Any]:
    paths = content.get("paths")
    return paths if isinstance(paths, Mapping) else {}


def _below(root: Path, content: Mapping[str, Any], key: str) -> Path | None:
    """What a path of a params file names; None for one that leads out of the file's folder, or that is none."""
    value = _paths(content).get(key)
    path = Path(value) if isinstance(value, str) and value.isprintable() else None
    return None if path is None or path.is_absolute() or ".." in path.parts else root / path


def _captions_beside(path: Path, content: Mapping[str, Any]) -> Captions | None:
    """The captions that the file's paths name, from its own folder or, for a preset, from where one stands."""
    for root in (path.parent, Path()):
        folder = _below(root, content, "captions")
        if folder is not None and folder.is_dir():
            return _captions(caption_files(folder), folder.as_posix())
    return None


def _captions(contents: Mapping[str, bytes], version: str) -> Captions:
    texts = {stem: first_line(text.decode("utf-8", "replace")) for stem, text in sorted(contents.items())}
    return Captions(texts=texts, version=version)


def _family(root: Path, content: Mapping[str, Any]) -> str | None:
    """Family of the base that `paths.base` names, by the width of text that its U-Net reads."""
    bases = (_below(here, content, "base") for here in (root, Path()))
    configs = (base / "unet/config.json" for base in bases if base is not None)
    config = next((file for file in configs if file.is_file()), None)
    if config is None:
        return None
    width = read_object(read_bounded(config, LARGEST), f"{config}").get("cross_attention_dim")
    known = family_of_width(width)
    return None if known == UNKNOWN else known


def _checkpoint(path: Path) -> RunFacts:
    """A LoRA file: our record where it has one, else kohya's metadata, and what its tensors show."""
    header = read_header(path)
    modules, _ = read_modules(header.tensors)
    if not modules:
        raise SpriteLoraError(f"{path} is no LoRA", "sprite-lora identify says what it is")
    base, _ = family(modules)
    known = None if base == UNKNOWN else base
    if METADATA_KEY in header.metadata:
        record = read_object(header.metadata[METADATA_KEY], f"{path}: its `{METADATA_KEY}` metadata")
        counts = flags(header.metadata)
        images, regular = counts.get("num_train_images"), counts.get("num_reg_images", 0)
        found = from_record(record, path.name, f"{path}: our record", known, images, regular, counts.get("vae"))
        return _with_tags(found, header.metadata)
    given = flags(header.metadata)
    given |= {"save_precision": _precision(modules), "network_train_unet_only": _trains_only(modules, "unet")}
    given["network_train_text_encoder_only"] = _trains_only(modules, "text")
    ranks = {module.rank for module in modules}
    if len(ranks) == 1:
        given["network_dim"] = ranks.pop()
    metadata = header.metadata
    by_kohya = "ss_network_module" in metadata
    trainer = f"kohya {metadata.get('ss_sd_scripts_commit_hash', '')[:10]}".strip()
    stated = metadata.get("ss_new_sd_model_hash", "")
    frequency = tag_frequency(metadata) or None
    certainty = "record" if frequency else "unknown"
    return RunFacts(
        name=path.name,
        source=f"{path}: " + ("kohya's metadata" if by_kohya else "its tensors alone"),
        settings=resolve(given, unlisted="unknown", ignored=ignored_settings(base)),
        base=Base(metadata.get("ss_sd_model_name"), known, stated if len(stated) == 64 else None),
        captions=Captions(tags=frequency, version="the tags that it counts", certainty=certainty),
        software={"trainer": trainer} if by_kohya else {},
    )


def read_object(text: str | bytes, name: str) -> dict[str, Any]:
    """A JSON object. Raises SpriteLoraError, with `name`, for anything else."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise SpriteLoraError(f"{name} holds no JSON object", "the file was changed since it was written")
    return content


def _with_tags(found: RunFacts, metadata: Mapping[str, str]) -> RunFacts:
    """The record's facts with the counts of tags that kohya's metadata holds beside it."""
    return replace(found, captions=replace(found.captions, tags=tag_frequency(metadata) or None))


def _precision(modules: list[Module]) -> str:
    return "+".join(sorted({name_of(dtype) for module in modules for dtype in module.dtypes}))


def _trains_only(modules: list[Module], component: str) -> bool:
    return all(module.component.startswith(component) for module in modules)


def _revision(what: str) -> RunFacts:
    """params.yaml and the captions at a Git revision, or of a DVC experiment by its name."""
    here = Path()
    commit = git.resolve(here, what) or git.experiment(here, what)
    if commit is None and not git.installed():
        raise SpriteLoraError("git is not installed", "revisions and experiments are read through it")
    if commit is None:
        raise SpriteLoraError(
            f"{what!r} is no file here, no Git revision and no DVC experiment",
            "params files, history files, checkpoints, revisions and experiments (dvc exp show) are compared",
        )
    params = git.read(here, commit, FILE.as_posix())
    if params is None:
        raise SpriteLoraError(f"{what}: {FILE} is not in that revision")
    try:
        content = parse(params)
    except (YAMLError, ValueError, RecursionError) as error:
        raise SpriteLoraError(f"{what}: {FILE} is not valid YAML there: {' '.join(str(error).split())}") from None
    if not isinstance(content, Mapping) or "train" not in content:
        raise SpriteLoraError(f"{what}: {FILE} holds no section `train` there")
    source = f"{FILE} at {commit[:10]}"
    regularisation = git.names(here, commit, str(_paths(content).get("regularisation")))
    pictures = sum(1 for name in regularisation if name.endswith(".png"))
    captions, family_name = _captions_at(commit, content), _family(Path(), content)
    return from_params(content, what, source, captions, family_name, pictures)


def _captions_at(commit: str, content: Mapping[str, Any]) -> Captions | None:
    """The caption folder as the revision holds it; what `validate` wrote there where the folder is not in Git."""
    paths = _paths(content)
    if "captions" not in paths:
        return None
    folder = str(paths.get("captions"))
    files = git.read_folder(Path(), commit, folder, ".txt")
    if files:
        return _captions({Path(name).stem: text for name, text in files.items()}, f"{folder} at {commit[:10]}")
    report = git.read(Path(), commit, f"{paths.get('reports', Paths.reports)}/captions.json")
    if report is None:
        return None
    name = f"captions.json at {commit[:10]}"
    texts = {stem: utf8(str(text)) for stem, text in read_object(report, name).items()}
    return _captions(texts, name)
