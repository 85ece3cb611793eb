"""Pictures of people who are not in the sample set: a perfect LoRA's sprites, and a base's smooth portraits."""

import numpy as np
import pytest

from demo.portraits import persona, pixel, smooth
from sprite_lora.art.sprite import enlarge
from sprite_lora.scoring.judge import judge, judge_epoch
from sprite_lora.scoring.view import view


@pytest.fixture(scope="module")
def verdicts(ruler, score):
    """Twelve new people, drawn as sprites and as smooth portraits, each judged with their own caption."""
    people = persona.personas(12, seed=2026)

    def judged(draw):
        return [judge(view(draw(one), persona.caption(one), 24, score.tolerance), ruler, score) for one in people]

    return judged(lambda one: enlarge(pixel.draw(one), 8)), judged(lambda one: smooth.draw(one, 7))


def test_new_sprites_score_like_training_sprites_and_are_no_copies(verdicts, ruler, score):
    sprites, _ = verdicts
    mark = judge_epoch(sprites, ruler, score)
    assert mark.score > 8.5
    assert mark.qualities["things"] > 0.95
    assert mark.faults["copies"] < 0.05
    assert mark.faults["sameness"] == 0


def test_smooth_portraits_score_low_though_they_show_what_was_asked(verdicts, ruler, score):
    _, portraits = verdicts
    mark = judge_epoch(portraits, ruler, score)
    assert 0 < mark.score < 3
    assert mark.qualities["things"] > 0.75
    assert mark.qualities["edges"] < 0.1


def test_every_sprite_beats_every_portrait(verdicts):
    sprites, portraits = verdicts
    assert np.min([one.score for one in sprites]) > 2 * np.max([one.score for one in portraits])
