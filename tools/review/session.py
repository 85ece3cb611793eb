"""One sitting of one person: which pair comes next, what was answered, and how sure the ranking is by now."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.result import Part
from sprite_lora.results.pairs import Pair, all_pairs, most_telling
from sprite_lora.results.people import rank
from sprite_lora.results.ratings import Rating, Ratings
from sprite_lora.results.scores import EpochScore, Pixels


class Answer(Part):
    """What the page sends."""

    left: Pixels
    right: Pixels
    answer: Literal["left", "right", "equal", "skip"]


class Shown(Part):
    """Two pictures of one prompt."""

    prompt: str
    left: Pixels
    right: Pixels


class Turn(Part):
    """What the page shows next."""

    pair: Shown
    rated: int
    """Pairs of this run that the person has rated."""
    pairs: int
    """Pairs that there are."""
    ratings: int
    """Answers of all people to pairs of this run."""
    sure: float
    """Probability of the epoch that is the best by all answers."""
    repeats: bool
    """Whether every pair is rated, so that an answer replaces an earlier one."""


@dataclass(frozen=True)
class Done:
    """An answer that can be taken back."""

    shown: Shown
    key: tuple[str, str, str] | None
    """None for a pair that was skipped."""
    before: Rating | None
    """What the same person had said of the pair."""


class Session:
    """Keeps every answer in the project's file at once."""

    def __init__(self, trained: Sequence[EpochScore], by: str, root: Path = Path(), seed: int | None = None) -> None:
        """`seed` of the sides and of the choice among pairs that tell as much; None takes another each time.

        Raises SpriteLoraError where there are no two pictures of one prompt that differ.
        """
        self.trained, self.by, self.root = trained, by, root
        self.generator = np.random.default_rng(seed)
        self.done: list[Done] = []
        self.skipped: set[Pair] = set()
        self.drawings = rank(Ratings(), trained).drawings
        self.pairs = all_pairs(self.drawings)
        if not self.pairs:
            raise SpriteLoraError(
                "there is nothing to compare: no prompt has two trained epochs whose pictures differ",
                "train more epochs, or draw those there are: dvc repro",
            )

    def turn(self, again: Shown | None = None) -> Turn:
        """The pair that tells most among those the person has not rated, or a pair once more."""
        ranking = rank(Ratings.read(self.root), self.trained)
        rated = {(rating.first, rating.second) for rating in ranking.ratings if rating.by == self.by}
        fresh = [pair for pair in self.pairs if pair not in rated]
        open_pairs = [pair for pair in fresh if pair not in self.skipped] or fresh or self.pairs
        return Turn(
            pair=again or self._sides(most_telling(ranking, open_pairs, self.generator)),
            rated=len(self.pairs) - len(fresh),
            pairs=len(self.pairs),
            ratings=len(ranking.ratings),
            sure=round(max(ranking.best.values()), 3),
            repeats=not fresh,
        )

    def answer(self, given: Answer) -> Turn:
        """Keep an answer. Raises SpriteLoraError where it is not to a pair of this run."""
        first, second = sorted((given.left, given.right))
        name = self.drawings.prompt(first, second)
        if name is None or first == second:
            raise SpriteLoraError("these are no two pictures of one prompt of this run", "load the page again")
        shown = Shown(prompt=self._prompt(name), left=given.left, right=given.right)
        if given.answer == "skip":
            self.skipped.add((first, second))
            self.done.append(Done(shown, None, None))
            return self.turn()
        better = {"left": given.left, "right": given.right, "equal": None}[given.answer]
        rating = Rating.of(first, second, better, self.by)
        ratings = Ratings.read(self.root)
        before = next((held for held in ratings.ratings if held.key == rating.key), None)
        ratings.with_all((rating,)).write(self.root)
        self.done.append(Done(shown, rating.key, before))
        return self.turn()

    def undo(self) -> Turn:
        """Take back the last answer of this sitting and show its pair again."""
        if not self.done:
            return self.turn()
        last = self.done.pop()
        if last.key is None:
            first, second = sorted((last.shown.left, last.shown.right))
            self.skipped.discard((first, second))
        else:
            ratings = Ratings.read(self.root).without(last.key)
            (ratings.with_all((last.before,)) if last.before else ratings).write(self.root)
        return self.turn(again=last.shown)

    def _sides(self, pair: Pair) -> Shown:
        name = self.drawings.prompt(*pair)
        assert name is not None
        left, right = pair if self.generator.random() < 0.5 else pair[::-1]
        return Shown(prompt=self._prompt(name), left=left, right=right)

    def _prompt(self, name: str) -> str:
        return next(iter(self.drawings.prompts[name].values())).prompt
