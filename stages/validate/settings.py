"""params.yaml, all of it: what is unknown or not allowed in any section, and what does not fit together."""

from math import lcm
from typing import Any

from sprite_lora.art.finish_params import Finish
from sprite_lora.bases.sample_params import Sample
from sprite_lora.core.params import FILE, Paths, Section, section_problems
from sprite_lora.dataset.checks.finding import Found, quote
from sprite_lora.dataset.package_params import Package
from sprite_lora.dataset.validate_params import Validate
from sprite_lora.kohya.train_params import FLAGS, Train
from sprite_lora.results.report_params import Report
from sprite_lora.scoring.score_params import Score
from sprite_lora.scoring.select_params import Select

SECTIONS: tuple[type[Section], ...] = (Paths, Validate, Package, Train, Sample, Score, Select, Finish, Report)

LATENT = 8
"""Pixels per latent cell: the factor of Stable Diffusion's autoencoder."""

Lines = dict[tuple[str, ...], int]


class Settings:
    """params.yaml as far as it is right: a section or value that is wrong is a finding and reads as None."""

    def __init__(self, content: dict[str, Any], lines: Lines) -> None:
        self._content = content
        self._lines = lines
        self._wrong: set[tuple[str, ...]] = set()
        self.found: list[Found] = []
        known = {section.key: section for section in SECTIONS}
        for key in content:
            if key not in known:
                self._note("unknown-key", (str(key),), f"unknown section `{key}`; the sections are {', '.join(known)}")
        for key, section in known.items():
            if key not in content:
                self._wrong.add((key,))
                self._note("bad-value", (key,), f"section `{key}` is missing")
                continue
            for where, message in section_problems(section, content[key]):
                self._wrong.add(where)
                if where == (key,) and "value error, " in message:
                    # A conflict between keys: pydantic quotes the whole section, which tells nobody anything.
                    message = f"`{key}`: {message.rpartition('value error, ')[2]}"
                self._note("unknown-key" if message.startswith("unknown key") else "bad-value", where, message)

    def section(self, section: type[Section]) -> Any:
        """The section, None where anything in it is wrong."""
        if any(where[0] == section.key for where in self._wrong):
            return None
        return section.model_validate(self._content[section.key])

    def value(self, section: str, key: str) -> Any:
        """One value, also from a section with other mistakes; None where it is itself wrong or missing."""
        return None if (section, key) in self._wrong else self.written(section, key)

    def written(self, section: str, key: str) -> Any:
        """What stands in the file, right or wrong."""
        content = self._content.get(section)
        return content.get(key) if isinstance(content, dict) else None

    def place(self, *where: str) -> str:
        """`params.yaml:12`, the line of the nearest key that is there."""
        while where and where not in self._lines:
            where = where[:-1]
        return f"{FILE}:{self._lines[where]}" if where else str(FILE)

    def note(self, rule: str, section: str, key: str, message: str) -> None:
        """Add a finding about a key."""
        self._note(rule, (section, key), message)

    def _note(self, rule: str, where: tuple[str, ...], message: str) -> None:
        self.found.append(Found(rule, self.place(*where), message))


def check_fit(settings: Settings) -> None:
    """What each section accepts by itself and is wrong together."""
    resolution, side = settings.value("package", "resolution"), settings.value("package", "art_pixels")
    if isinstance(resolution, int) and isinstance(side, int) and resolution > 0 and side > 0:
        _check_resolution(settings, resolution, side)
    trigger, keep = settings.value("validate", "trigger"), settings.value("train", "keep_tokens")
    shuffled = settings.value("train", "shuffle_caption")
    if shuffled and isinstance(keep, int) and isinstance(trigger, list) and keep != len(trigger):
        kept = "protects fewer tags than" if keep < len(trigger) else "protects more tags than"
        message = f"keep_tokens {keep} {kept} the trigger's {len(trigger)}, {quote(', '.join(map(str, trigger)))}"
        settings.note("keep-tokens", "train", "keep_tokens", message)
    for name, row in FLAGS.items():
        if row.refused and settings.written("train", name):
            settings.note("bucket", "train", name, f"{name} {row.refused}")


def _check_resolution(settings: Settings, resolution: int, side: int) -> None:
    step = side * LATENT
    below, above = resolution // step * step, -(-resolution // step) * step
    good = " or ".join(str(size) for size in dict.fromkeys((below, above)) if size)
    if resolution % side:
        wrong = f"is no whole multiple of {side}: an art pixel would be {resolution / side:.2f} pixels wide"
    elif resolution % LATENT:
        wrong = f"is no whole multiple of {LATENT}, which the autoencoder needs"
    elif resolution % lcm(side, LATENT) or resolution // side % LATENT:
        wrong = f"puts art pixels of {resolution // side} pixels off the latent grid of {LATENT}"
    else:
        return
    settings.note("resolution", "package", "resolution", f"{resolution} {wrong}; the nearest good ones: {good}")
