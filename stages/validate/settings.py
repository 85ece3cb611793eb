"""params.yaml, all of it: what is unknown or not allowed in any section, and what does not fit together."""

from collections.abc import Iterator
from math import lcm
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError

from sprite_lora.art.finish_params import Finish
from sprite_lora.bases.seeds_params import SampleSeeds
from sprite_lora.core.logs_params import Logs
from sprite_lora.core.params import FILE, Paths, Section, checked_section
from sprite_lora.core.yaml_text import Lines
from sprite_lora.dataset.checks.finding import Finding, quote
from sprite_lora.dataset.package_params import Package
from sprite_lora.dataset.validate_params import Validate
from sprite_lora.kohya.train_params import FLAGS, Train
from sprite_lora.results.report_params import Report
from sprite_lora.scoring.score_params import Score
from sprite_lora.scoring.select_params import Select

SECTIONS: tuple[type[Section], ...] = (
    *(Paths, Validate, Package, Train, Logs, SampleSeeds),
    *(Score, Select, Finish, Report),
)

LATENT = 8
"""Pixels per latent cell: the factor of Stable Diffusion's autoencoder."""

LARGEST = 8192
"""Pixels of an enlargement's side: what a viewer opens, and some hundred megabytes while it is made."""


class Settings:
    """params.yaml as far as it is right: a section or value that is wrong is a finding and reads as None."""

    def __init__(self, content: dict[str, Any], lines: Lines) -> None:
        self._content = content
        self._lines = lines
        checked = {one.key: checked_section(one, content[one.key]) for one in SECTIONS if one.key in content}
        self._models = {key: model for key, (model, _) in checked.items() if model is not None}
        known = [section.key for section in SECTIONS]
        missing = [key for key in known if key not in content]
        sections = f"the sections are {', '.join(known)}"
        self.found = [
            *(
                self.finding("unknown-key", (str(key),), f"unknown section {quote(str(key))}; {sections}")
                for key in content
                if key not in known
            ),
            *(self.finding("bad-value", (key,), f"section `{key}` is missing") for key in missing),
            *(self._problem(*problem) for _, problems in checked.values() for problem in problems),
        ]

    def _problem(self, where: tuple[str, ...], message: str) -> Finding:
        return self.finding("unknown-key" if message.startswith("unknown key") else "bad-value", where, message)

    def section(self, section: type[Section]) -> Any:
        """The section, None where anything in it is wrong."""
        return self._models.get(section.key)

    def value(self, section: str, key: str) -> Any:
        """One value as the stages read it, also from a section with other mistakes; None where it is itself wrong.

        A key that is left out has its default.
        """
        if section in self._models:
            return getattr(self._models[section], key)
        field = next(one for one in SECTIONS if one.key == section).model_fields[key]
        held = self._content.get(section)
        if not isinstance(held, dict) or key not in held:
            return None if field.is_required() or section not in self._content else field.default
        try:
            kind: Any = Annotated[field.annotation, field]
            return TypeAdapter(kind).validate_python(held[key])
        except ValidationError:
            return None

    def written(self, section: str, key: str) -> Any:
        """What stands in the file, right or wrong."""
        content = self._content.get(section)
        return content.get(key) if isinstance(content, dict) else None

    def place(self, *where: str) -> str:
        """`params.yaml:12`, the line of the nearest key that is there."""
        while where and where not in self._lines:
            where = where[:-1]
        return f"{FILE}:{self._lines[where]}" if where else str(FILE)

    def finding(self, rule: str, where: tuple[str, ...], message: str) -> Finding:
        """A finding about a key or section."""
        return Finding(rule, self.place(*where), message)


def check_fit(settings: Settings) -> Iterator[Finding]:
    """What each section accepts by itself and is wrong together."""
    resolution, side = settings.value("package", "resolution"), settings.value("package", "art_pixels")
    if (
        isinstance(resolution, int)
        and isinstance(side, int)
        and min(resolution, side) > 0
        and (message := _off_grid(resolution, side))
    ):
        yield settings.finding("resolution", ("package", "resolution"), message)
    factors = settings.value("finish", "enlarge") or ()
    if side and side * max(factors, default=0) > LARGEST:
        message = f"enlarge: {side} art pixels times {max(factors)} are more than {LARGEST} pixels"
        yield settings.finding("bad-value", ("finish", "enlarge"), message)
    trigger, keep = settings.value("validate", "trigger"), settings.value("train", "keep_tokens")
    shuffled = settings.value("train", "shuffle_caption") or settings.value("train", "caption_tag_dropout_rate")
    if shuffled and isinstance(keep, int) and trigger is not None and keep != len(trigger):
        kept = "protects fewer tags than" if keep < len(trigger) else "protects more tags than"
        message = f"keep_tokens {keep} {kept} the trigger's {len(trigger)}, {quote(', '.join(map(str, trigger)))}"
        yield settings.finding("keep-tokens", ("train", "keep_tokens"), message)
    if settings.value("train", "zero_terminal_snr") and settings.value("train", "v_parameterization") is False:
        message = "zero_terminal_snr without v_parameterization: the last timestep shows nothing of a picture"
        yield settings.finding("zero-terminal-snr", ("train", "zero_terminal_snr"), message)
    if settings.value("sample", "seeds") and (
        settings.value("logs", "sample_every_n_epochs") or settings.value("logs", "sample_at_first")
    ):
        message = "seeds: pictures while it trains (`logs`) are drawn with one seed; leave out either"
        yield settings.finding("bad-value", ("sample", "seeds"), message)
    for name, row in FLAGS.items():
        if row.refused and settings.written("train", name):
            yield settings.finding("bucket", ("train", name), f"{name} {row.refused}")


def _off_grid(resolution: int, side: int) -> str | None:
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
        return None
    return f"{resolution} {wrong}; the nearest good ones: {good}"
