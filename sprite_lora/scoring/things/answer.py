"""Whether a picture shows one thing that its prompt names."""

from dataclasses import dataclass
from typing import Literal

Shows = Literal["yes", "otherwise", "missing", "unsure", "unseen"]


@dataclass(frozen=True)
class Answer:
    """What the score says of one named thing."""

    thing: str
    """`glasses`; empty where the captions do not name it often enough."""
    asked: str
    """As the prompt says it: `dark red glasses`."""
    shows: Shows
    """`yes`; `otherwise`: drawn, but not as named; `missing`; `unsure`; `unseen`: the set does not teach it."""
    drawn: str
    """The word that fits best what is drawn there; empty where none is known."""
    chance: float | None
    """That it is as asked, by sprites that were left out; None where it is unseen."""

    @property
    def sentence(self) -> str:
        """`brown eyes: drawn blue`."""
        said = {
            "yes": "yes",
            "otherwise": f"drawn {self.drawn}" if self.drawn else "drawn otherwise",
            "missing": "missing",
            "unsure": "hard to tell",
            "unseen": "not seen by this score",
        }
        return f"{self.asked}: {said[self.shows]}"
