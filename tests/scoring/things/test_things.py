"""What captions teach of the things they name, and what is said of a picture."""

import re

import numpy as np
import pytest

from benchmarks import attacks
from sprite_lora.dataset.named import named
from sprite_lora.scoring.sprites import sprites as gathered
from sprite_lora.scoring.things.checks import LEAST, worth
from sprite_lora.scoring.things.learned import learn
from sprite_lora.scoring.things.metric import THINGS
from sprite_lora.scoring.view import view

LEFT_OUT = 3


@pytest.fixture(scope="module")
def taught(sprites, captions, score):
    """What two thirds of the sprites teach, and the others with their captions."""
    stems = list(sprites)
    kept = [stem for number, stem in enumerate(stems) if number % LEFT_OUT]
    views = [view(sprites[stem], captions[stem], 24, score.tolerance) for stem in kept]
    others = [(sprites[stem], captions[stem]) for stem in stems if stem not in kept]
    return learn(gathered(kept, views), score), others


def answers(taught, cells, prompt, score):
    return {answer.thing: answer for answer in taught.answers(view(cells, prompt, 24, score.tolerance))}


def test_colours_of_left_out_sprites_are_as_their_captions_say(taught, score):
    learned, others = taught
    shown = [
        answer.shows
        for cells, caption in others
        for answer in answers(learned, cells, caption, score).values()
        if answer.thing in ("hair", "background", "eyes") and answer.shows not in ("unseen", "unsure")
    ]
    assert len(shown) > 30
    assert np.mean([one == "yes" for one in shown]) > 0.85


def test_another_caption_is_noticed(taught, score):
    """Each left-out sprite asked for as the next one's caption says, where that names another background."""
    learned, others = taught
    wrong = []
    for (cells, mine), (_, other) in zip(others, others[1:] + others[:1], strict=True):
        colours = [named(text, ("background",))["background"].colours for text in (mine, other)]
        found = answers(learned, cells, other, score)["background"]
        if colours[0] != colours[1] and found.shows not in ("unseen", "unsure"):
            wrong.append(found.shows == "otherwise")
    assert len(wrong) > 10
    assert np.mean(wrong) > 0.85


def test_another_colour_costs_and_is_named(taught, score):
    learned, others = taught
    (cells, caption), *_ = [pair for pair in others if re.search(r"solid (red|blue|pink|yellow) background", pair[1])]
    asked = named(caption, ("background",))["background"]
    other = attacks.other_background(cells, asked.colours[0])
    before, after = (view(one, caption, 24, score.tolerance) for one in (cells, other))
    found = {answer.thing: answer for answer in learned.answers(after)}["background"]
    assert found.sentence == f"{asked.text}: drawn {found.drawn}"
    assert found.drawn in ("green", "lime", "emerald")
    loss = THINGS.measure(before, learned, score)["things"] - THINGS.measure(after, learned, score)["things"]
    assert loss > 0.1


def test_what_no_caption_names_is_unseen_and_costs_nothing(taught, score):
    learned, others = taught
    seen = view(others[0][0], "portrait of bespoke punk lad, golden necklace", 24, score.tolerance)
    (answer,) = [one for one in learned.answers(seen) if one.asked == "golden necklace"]
    assert (answer.shows, answer.chance) == ("unseen", None)
    assert answer.sentence == "golden necklace: not seen by this score"
    assert THINGS.measure(seen, learned, score) == {}


def test_no_prompt_asks_nothing(taught, score):
    learned, others = taught
    assert learned.answers(view(others[0][0], "", 24, score.tolerance)) == ()


@pytest.mark.parametrize("number", [2, 9])
def test_few_sprites_teach_nothing(sprites, captions, score, number):
    some = list(sprites)[:number]
    learned = learn(gathered(some, [view(sprites[s], captions[s], 24, score.tolerance) for s in some]), score)
    assert THINGS.measure(view(sprites[some[0]], captions[some[0]], 24, score.tolerance), learned, score) == {}


def test_captions_that_say_nothing_of_the_sprite_teach_nothing(sprites, captions, score):
    """Shuffled captions: what is learned of left-out sprites is chance, so nothing is seen."""
    stems = list(sprites)
    texts = np.random.default_rng(1).permutation([captions[stem] for stem in stems])
    views = [view(sprites[stem], str(text), 24, score.tolerance) for stem, text in zip(stems, texts, strict=True)]
    learned = learn(gathered(stems, views), score)
    seen = [name for name, thing in learned.things.items() if thing.colour or thing.how or thing.there]
    assert len(seen) <= 1, seen


def test_worth_is_the_ratio_of_densities():
    """Against two normal distributions, whose ratio is known."""
    random = np.random.default_rng(0)
    yes, no = random.normal(1, 1, 4000), random.normal(-1, 1, 4000)
    found = worth(yes, no)
    assert found is not None
    assert found.order == pytest.approx(0.921, abs=0.01), "Phi(sqrt 2)"
    for evidence in (-1.0, 0.0, 1.0):
        assert found.of(evidence) == pytest.approx(1 / (1 + np.exp(-2 * evidence)), abs=0.09)
    assert (np.diff(found.chance) >= 0).all()


def test_little_or_useless_evidence_is_worth_nothing():
    random = np.random.default_rng(0)
    assert worth(random.random(LEAST - 1), random.random(100)) is None
    assert worth(random.random(100), random.random(100)) is None


def test_a_set_of_one_kind_of_object(score):
    """Icons: a coloured square on another ground. Where it lies and what its words mean is learned for any subject."""
    random = np.random.default_rng(0)
    names = {"red": (220, 40, 40), "blue": (60, 90, 230), "green": (50, 170, 60)}
    views, words = [], list(names)
    for number in range(48):
        word = words[number % 3]
        cells = np.full((16, 16, 3), random.integers(0, 256, 3), dtype=np.uint8)
        cells[5:11, 4:12] = names[word]
        views.append(view(cells, f"icon, {word} gem", 16, score.tolerance))
    learned = learn(gathered([str(n) for n in range(48)], views), score)
    cells = np.full((16, 16, 3), 250, dtype=np.uint8)
    cells[5:11, 4:12] = names["blue"]
    said = [learned.answers(view(cells, f"icon, {word} gem", 16, score.tolerance))[0].sentence for word in words]
    assert said == ["red gem: drawn blue", "blue gem: yes", "green gem: drawn blue"]
