"""What is known of one run: settings in effect, base, captions, prompts, software."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sprite_lora.bases.autoencoder import external_vae
from sprite_lora.bases.registry import ignored_settings
from sprite_lora.kohya.effective import SETTINGS, Value, resolve
from sprite_lora.kohya.train_params import FLAGS

OF_PACKAGE = tuple(name for name, row in FLAGS.items() if row.section == "package")
"""Keys of the section `package` that change what is trained."""

SAMPLING = ("seed", "steps", "guidance_scale", "scheduler", "negative_prompt", "network_mul", "size")
"""How prompts are drawn."""

AFTER = ("validate", "score", "select", "finish", "report")
"""Sections of params.yaml that come in after or before training and sampling."""


CODE = "trainer's code"
"""Key of `software` for the hash of the code that trains."""


@dataclass(frozen=True)
class Base:
    """A base model, as far as it is known."""

    name: str | None = None
    family: str | None = None
    """kohya's word for it."""
    sha256: str | None = None
    """`record.base_hash` of it."""
    path: Path | None = None
    """Where it lies now, for a state of the working tree; its hash can be worked out there."""

    def __str__(self) -> str:
        return f"{self.family} ({self.name})" if self.family and self.name else self.family or self.name or "unknown"


@dataclass(frozen=True)
class Captions:
    """The captions of a run, as far as they are known."""

    texts: Mapping[str, str] | None = None
    """Stem to first line."""
    sha256: str | None = None
    """Of the set, as the dataset's manifest has it."""
    tags: Mapping[str, int] | None = None
    """How often each tag stands in them, lower case, as kohya counts."""
    version: str = ""
    """How a person would name this version."""
    certainty: str = "record"
    """record, likely, filed, or unknown."""
    note: str = ""


@dataclass(frozen=True)
class Prompts:
    """What the run was tested on, as far as it is known."""

    texts: Mapping[str, str] | None = None
    """Name to prompt."""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    certainty: str = "record"
    note: str = ""


@dataclass(frozen=True)
class RunFacts:
    """One run, or one state of the settings for a run."""

    name: str
    source: str
    """What this was read from, in words."""
    settings: Mapping[str, Value]
    base: Base = Base()
    captions: Captions = Captions(certainty="unknown")
    prompts: Prompts = Prompts(certainty="unknown")
    software: Mapping[str, str] = field(default_factory=dict)
    """Trainer, its version, libraries."""
    others: Mapping[str, Any] | None = None
    """Settings of the other stages, `score.tolerance` to value; None where they are not known at all."""
    sprites: str | None = None
    """Hash of the set of training pictures."""


def from_params(
    content: Mapping[str, Any],
    name: str,
    source: str,
    captions: Captions | None = None,
    family: str | None = None,
    regularisation: int = 0,
    network_weights: str | None = None,
) -> RunFacts:
    """Facts of a params.yaml's content; kohya's defaults stand in for settings that it does not have.

    `regularisation`: how many regularisation pictures `paths.regularisation` holds. `network_weights`: hash of the LoRA
    to start from; None where it was not read.
    """
    train, package = _section(content, "train"), _section(content, "package")
    sample, paths = _section(content, "sample"), _section(content, "paths")
    prompts = sample.get("prompts")
    sampling = {key: sample[key] for key in SAMPLING if key in sample}
    if sample.get("seeds"):
        sampling["seed"] = sample["seeds"]
    given, unknown = given_settings(train, package) | {"num_reg_images": regularisation}, {}
    vae = external_vae(Path(str(paths["vae"]))) if paths.get("vae") else None
    # Git keeps no empty folder, so one that is not there may be it.
    given["vae"] = vae.name if vae and (vae.exists() or vae.suffix) else None
    if captions is not None and captions.texts is not None:
        given["num_train_images"] = len(captions.texts)
    else:
        unknown["num_train_images"] = "the captions are not known"
    start = Path(str(paths.get("network_weights", "")))
    if network_weights is not None:
        given["network_weights"] = _brief(network_weights)
    elif start.suffix:
        unknown["network_weights"] = f"{start.as_posix()}, whose content was not read"
    return RunFacts(
        name=name,
        source=source,
        settings=resolve(given, unknown=unknown, ignored=ignored_settings(family)),
        base=Base(name=_text(paths.get("base")), family=family),
        captions=captions or Captions(certainty="unknown"),
        prompts=Prompts(
            texts={str(key): str(text) for key, text in prompts.items()} if isinstance(prompts, Mapping) else None,
            sampling=sampling,
        ),
        software={"trainer": str(train["backend"])} if "backend" in train else {},
        others=_flat({section: held for section in AFTER if (held := _section(content, section))}),
    )


def from_record(
    record: Mapping[str, Any],
    name: str,
    source: str,
    family: str | None = None,
    images: int | None = None,
    regularisation: int = 0,
    vae: str | None = None,
) -> RunFacts:
    """Facts of the record that a checkpoint of this pipeline carries.

    `images` and `regularisation`: how many pictures of either kind it was trained on. `vae`: name of an autoencoder in
    the place of the base's own.
    """
    params, package = _section(record, "params"), _section(record, "package")
    versions = {str(library): str(version) for library, version in _section(record, "versions").items()}
    code = {CODE: str(record["code"])} if "code" in record else {}
    return RunFacts(
        name=name,
        source=source,
        settings=resolve(
            given_settings(params, package)
            | {"num_train_images": images, "num_reg_images": regularisation, "vae": vae}
            | {"network_weights": _brief(_text(record.get("network_weights")))},
            unknown={} if images else {"num_train_images": "the record holds a hash of the set"},
            ignored=ignored_settings(family),
        ),
        base=Base(family=family, sha256=_text(record.get("base"))),
        captions=Captions(sha256=_text(record.get("captions")), version="the set that it records"),
        software={"trainer": str(params.get("backend", "native")), **code, **versions},
        sprites=_text(record.get("sprites")),
    )


def given_settings(train: Mapping[str, Any], package: Mapping[str, Any]) -> dict[str, Any]:
    """kohya's flags out of the sections `train` and `package`: resolution and repeats belong to the latter."""
    given = {key: value for key, value in {**train, **_section(train, "kohya_args")}.items() if key in SETTINGS}
    given |= {key: package[key] for key in OF_PACKAGE if key in package}
    given.setdefault("network_module", "networks.lora")
    given["caption_extension"] = ".txt"
    return given


def _brief(sha256: str | None) -> str | None:
    """The first ten digits."""
    return sha256 and sha256[:10]


def _section(content: Any, key: str) -> Mapping[str, Any]:
    section = content.get(key) if isinstance(content, Mapping) else None
    return section if isinstance(section, Mapping) else {}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _flat(content: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """`{"score": {"tolerance": 1}}` as `{"score.tolerance": 1}`."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{above}{key}.")
        else:
            flat[f"{above}{key}"] = value
    return flat
