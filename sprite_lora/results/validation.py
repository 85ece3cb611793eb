"""reports/validate.json: what `validate` found and counted."""

from typing import Literal

from sprite_lora.core.params import Paths
from sprite_lora.core.result import Count, Part, Result

Severity = Literal["error", "warning", "info"]


class Finding(Part):
    """One case of a rule."""

    rule: str
    severity: Severity
    file: str
    """The file, for params.yaml with its line."""
    message: str
    hint: str
    """What to do about it."""


class RuleCount(Part):
    """How often a rule was broken."""

    severity: Severity
    findings: Count
    files: Count


class Attribute(Part):
    """What captions say of one thing: `hair`, with values such as `blonde` and `long black`."""

    captions: Count
    """Tags that name it."""
    values: dict[str, Count]
    """Value to the number of captions, the most frequent."""
    different: Count
    """Values in all."""


class Histogram(Part):
    """How a count is spread over the set; None where nothing was counted."""

    least: Count | None
    median: Count | float | None
    most: Count | None
    histogram: dict[str, Count]
    """`25-49` to how many lie in that range, in order."""


class TokenHistogram(Histogram):
    """CLIP tokens of the captions."""

    limit: Count | None
    """train.max_token_length: more are cut off."""


class Overview(Part):
    """What the set teaches."""

    pairs: Count
    """Sprites with a caption."""
    tags: dict[str, Count]
    """Tag to the number of captions, the most frequent."""
    attributes: dict[str, Attribute]
    backgrounds_drawn: dict[str, Count]
    """Nearest colour word of a sprite's border to the number of sprites."""
    tokens: TokenHistogram
    palette: Histogram
    """Colours of a sprite."""


class Validation(Result):
    """Findings, counts and overview."""

    place = Paths.reports / "validate.json"
    stage = "validate"

    findings: tuple[Finding, ...]
    """Worst first."""
    counts: dict[str, RuleCount]
    """By rule."""
    overview: Overview
