import random

import pytest

from sprite_lora.kohya.train_params import Train
from stages.train.native.batch import training_caption

CAPTION = "pixel art, 24x24, portrait of a lady,  red hair ,blue eyes, hat"
TAGS = ["pixel art", "24x24", "portrait of a lady", "red hair", "blue eyes", "hat"]


def shown(caption=CAPTION, epoch=1, batch=0, place=0, **changes):
    params = {"shuffle_caption": True, "keep_tokens": 2, "seed": 42, **changes}
    params = Train.model_construct(**params)
    return training_caption(caption, params, epoch, batch, place)


def test_without_shuffle_the_text_is_untouched():
    assert shown(shuffle_caption=False) == CAPTION


@pytest.mark.parametrize("keep", [0, 1, 2, 6, 9])
def test_first_tags_stay_and_the_others_change_places(keep):
    seen = [shown(keep_tokens=keep, batch=batch).split(", ") for batch in range(50)]
    for tags in seen:
        assert tags[:keep] == TAGS[:keep]
        assert sorted(tags) == sorted(TAGS)
    assert (len({tuple(tags) for tags in seen}) > 1) == (keep < 5)


def test_each_place_is_as_likely():
    """With 4 flexible tags each is first in a quarter of the uses."""
    first = [shown(batch=batch).split(", ")[2] for batch in range(4000)]
    for tag in TAGS[2:]:
        assert first.count(tag) / 4000 == pytest.approx(0.25, abs=0.03)


def test_tags_are_split_on_commas_alone_as_kohya_does():
    """kohya's rule in its own words: split, strip, keep, shuffle, join by ', '; empty tags stay."""
    caption = "a,, b c ;d,e "
    tags = [tag.strip() for tag in caption.strip().split(",")]
    assert tags == ["a", "", "b c ;d", "e"]
    assert sorted(shown(caption, keep_tokens=0).split(", ")) == sorted(tags)


def test_order_is_a_function_of_seed_batch_and_place():
    random.seed(1)
    one = shown(batch=3, place=1)
    random.seed(2)
    assert one == shown(batch=3, place=1)
    others = [shown(batch=4, place=1), shown(batch=3, place=2), shown(batch=3, place=1, seed=43)]
    assert any(other != one for other in others)


def test_dropout_empties_a_share_of_the_captions():
    emptied = sum(shown(caption_dropout_rate=0.2, batch=batch) == "" for batch in range(5000))
    assert emptied / 5000 == pytest.approx(0.2, abs=0.02)
    assert all(shown(caption_dropout_rate=1.0, batch=batch) == "" for batch in range(50))
    assert all(shown(caption_dropout_rate=0.0, batch=batch) for batch in range(50))


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_share_of_the_tags_behind_the_kept_ones_is_left_out(shuffle):
    """A trigger of two tags stays; of the four others each is left out in three of ten uses, whatever their order."""
    seen = [
        shown(shuffle_caption=shuffle, batch=batch, caption_tag_dropout_rate=0.3).split(", ") for batch in range(3000)
    ]
    for tag in TAGS[:2]:
        assert all(tag in tags for tags in seen)
    for tag in TAGS[2:]:
        assert sum(tag not in tags for tags in seen) / 3000 == pytest.approx(0.3, abs=0.03)
    places = [[TAGS.index(tag) for tag in tags] for tags in seen]
    assert all(order == sorted(order) for order in places) != shuffle
    assert all(shown(batch=batch, caption_tag_dropout_rate=1.0) == "pixel art, 24x24" for batch in range(20))


def test_every_so_many_epochs_all_captions_are_empty():
    """kohya counts epochs from 1."""
    empty = [epoch for epoch in range(1, 10) if not shown(epoch=epoch, caption_dropout_every_n_epochs=3)]
    assert empty == [3, 6, 9]
    assert all(shown(epoch=epoch, caption_dropout_every_n_epochs=0) for epoch in range(1, 10))


def test_epochs_without_captions_in_a_run(project, make_run):
    run = make_run(project, caption_dropout_every_n_epochs=2)
    per_epoch = run.plan.batches_per_epoch
    assert any(run.batch(run.pictures, per_epoch - 1).captions)
    assert not any(run.batch(run.pictures, per_epoch).captions)
    assert not any(run.batch(run.pictures, 2 * per_epoch - 1).captions)
    assert any(run.batch(run.pictures, 2 * per_epoch).captions)
