"""The section `validate` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from sprite_lora.core.params import Section
from sprite_lora.dataset.checks.rules import RULES

Severity = Literal["error", "warning", "info"]


class Validate(Section):
    """What captions must start with, and how strictly captions are checked."""

    key = "validate"

    trigger: Annotated[
        tuple[Annotated[str, Field(min_length=1, pattern=r"^[^,\n]+$")], ...],
        Field(description="comma tags that every caption and every prompt starts with, in this order; [] for none"),
    ]
    severity: Annotated[
        dict[str, Severity],
        Field(description="rule id to error, warning or info, where it differs from the rule's own; {} for none"),
    ]
    hex_tolerance: Annotated[
        int,
        Field(ge=0, le=64, description="levels (of 255) by which a hex may miss a colour of its sprite, per channel"),
    ]

    @field_validator("severity")
    @classmethod
    def _known_rules(cls, severity: dict[str, Severity]) -> dict[str, Severity]:
        for rule, level in severity.items():
            if rule not in RULES:
                raise ValueError(f"there is no rule `{rule}`; the rules are {', '.join(sorted(RULES))}")
            if RULES[rule].fixed and level != "error":
                raise ValueError(f"`{rule}` stays an error: no later stage can go on with it")
        return severity
