"""What sprites and their captions teach of the things that captions name, and what a picture shows of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sprite_lora.art.word_fit import WORDS
from sprite_lora.dataset.named import Named, named, not_known, nouns, style_phrases
from sprite_lora.scoring.scales import Scales
from sprite_lora.scoring.sprites import Sprites, evenly
from sprite_lora.scoring.things.answer import Answer, Shows
from sprite_lora.scoring.things.checks import LEAST, ColourCheck, ExampleCheck, learn_colour, learn_examples
from sprite_lora.scoring.things.places import Array, Fits, likeness, places
from sprite_lora.scoring.view import View

MOST_SPRITES = 256
"""Evenly picked; each is compared with each."""

SURE = 0.7
"""Chance from which a thing counts as drawn as asked; below 1 - SURE it counts as drawn otherwise."""

EVEN = 0.5
"""Chance where one sign speaks for a thing and another one against it."""

BEARS = 0.3
"""Share of a thing's place that bears its colour from which it is not called missing."""


@dataclass(frozen=True)
class Thing:
    """One thing that captions name, and how a picture is checked for it."""

    colour: ColourCheck | None
    how: Mapping[str, ExampleCheck]
    """Word to its check: the `light` of `light skin`."""
    there: ExampleCheck | None


@dataclass(frozen=True, eq=False)
class Things:
    """All things that the captions name."""

    things: Mapping[str, Thing]
    style: frozenset[tuple[str, ...]]
    """The words of phrases that stand in nearly all captions; they are not asked after."""
    lab: NDArray[np.float64]
    """(sprites, places, 3) OKLab."""

    @lru_cache(maxsize=1)  # noqa: B019 -- one picture's answers: its quality and its page need them
    def answers(self, view: View) -> tuple[Answer, ...]:
        """Whether the picture shows each thing that its prompt names, as it is named; in the prompt's order."""
        asked = named(view.prompt, tuple(self.things))
        if not view.prompt:
            return ()
        lab = places(view.cells_lab[None])
        fits, alike = Fits.of(lab), likeness(lab, self.lab) if asked else np.empty(0, dtype=np.float32)
        found = [self._answer(one, fits, alike) for one in asked.values()]
        unknown = not_known(view.prompt, tuple(self.things), self.style)
        return (*found, *(Answer(thing="", asked=text, shows="unseen", drawn="", chance=None) for text in unknown))

    def _answer(self, asked: Named, fits: Fits, alike: Array) -> Answer:
        thing = self.things[asked.thing]

        def answer(shows: Shows, chance: float | None, drawn: str = "") -> Answer:
            return Answer(thing=asked.thing, asked=asked.text, shows=shows, drawn=drawn, chance=chance)

        def drawn_as(chance: float, best: str) -> Answer:
            """Nothing is drawn otherwise than asked whose own word fits best."""
            if chance <= 1 - SURE and best in asked.how:
                return answer("unsure", EVEN)
            return answer(shows(chance), chance, best)

        there = thing.there.worth.of(thing.there.of(alike)) if thing.there else None
        if thing.there and there is not None and there <= 1 - SURE:
            around = fits.over(thing.there.where)[0]
            if any(around[WORDS.index(word)] >= BEARS for word in asked.colours):
                return answer("unsure", EVEN)
            return answer("missing", there)
        if thing.colour and asked.colours:
            evidence = thing.colour.of(fits)
            chance = thing.colour.worth.of(max(float(evidence[WORDS.index(word)]) for word in asked.colours))
            return drawn_as(chance, WORDS[int(evidence.argmax())])
        if checks := [thing.how[word] for word in asked.how if word in thing.how]:
            chance = float(np.mean([check.worth.of(check.of(alike)) for check in checks]))
            best = max(thing.how, key=lambda word: thing.how[word].worth.of(thing.how[word].of(alike)))
            return drawn_as(chance, best)
        if there is not None:
            return answer("yes" if there >= SURE else "unsure", there)
        return answer("unseen", None)


def shows(chance: float) -> Shows:
    """The answer that a chance is worth."""
    return "yes" if chance >= SURE else "otherwise" if chance <= 1 - SURE else "unsure"


def learn(sprites: Sprites, _scales: Scales) -> Things:
    """What can be learned from these sprites and their captions, the views' prompts."""
    views = evenly(sprites.views, MOST_SPRITES)
    captions = [view.prompt for view in views]
    known = nouns(captions, LEAST)
    lab = places(np.array([view.cells_lab for view in views]))
    fits, alike = Fits.of(lab), likeness(lab, lab) if known else np.empty(0, dtype=np.float32)
    read = [named(caption, known) for caption in captions]
    found = {thing: _learn([one.get(thing) for one in read], fits, alike) for thing in known}
    return Things(found, style_phrases(captions), lab)


def _learn(asked: Sequence[Named | None], fits: Fits, alike: Array) -> Thing:
    """`asked` is what each sprite's caption says of the thing, None where it says nothing."""
    colours = np.zeros((len(asked), len(WORDS)), dtype=np.float32)
    for row, one in zip(colours, asked, strict=True):
        if one:
            row[[WORDS.index(word) for word in one.colours]] = 1
    has = np.array([one is not None for one in asked])
    counted = Counter(word for one in asked if one for word in set(one.how) if word not in WORDS)
    checks = {}
    for word in sorted(counted):
        if counted[word] >= LEAST:
            having = np.array([one is not None and word in one.how for one in asked])
            if check := learn_examples(having, has & ~having, alike):
                checks[word] = check
    return Thing(learn_colour(colours, fits), checks, learn_examples(has, ~has, alike))
