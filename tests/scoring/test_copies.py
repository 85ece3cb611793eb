"""Copies of training sprites are found however they were changed, and honest sprites are not called copies."""

import numpy as np
import pytest

from demo.portraits import persona, pixel
from sprite_lora.art.palette import palette_of
from sprite_lora.art.sprite import enlarge
from sprite_lora.scoring.copies import Likeness, Limits, bank, copied, figure_mask, nearest
from sprite_lora.scoring.rim import rim
from sprite_lora.scoring.ruler import training
from sprite_lora.scoring.view import view


def recoloured(cells, seed=0):
    """Each colour of the palette, the background's too, becomes another one."""
    palette = palette_of(cells, 0.03)
    return np.random.default_rng(seed).integers(0, 256, palette.colours.shape).astype(np.uint8)[palette.cells]


def moved(cells, down, across):
    wide = np.pad(cells, ((2, 2), (2, 2), (0, 0)), mode="edge")
    return wide[2 - down : 2 - down + len(cells), 2 - across : 2 - across + len(cells)]


def swapped(cells, seed=0):
    """A fifth of the cells change places with one another."""
    random = np.random.default_rng(seed)
    flat = cells.reshape(-1, 3).copy()
    places = random.choice(len(flat), len(flat) // 5, replace=False)
    flat[places] = flat[random.permutation(places)]
    return flat.reshape(cells.shape)


def speckled(cells, seed=0):
    """A fifth of the cells get any colour."""
    random = np.random.default_rng(seed)
    hit = random.random(cells.shape[:2]) < 0.2
    return np.where(hit[..., None], random.integers(0, 256, cells.shape), cells).astype(np.uint8)


def mirrored(cells):
    return cells[:, ::-1]


ATTACKS = {
    "": lambda cells: cells,
    "mirrored": mirrored,
    "shifted": lambda cells: moved(cells, -2, 1),
    "recoloured": recoloured,
    "mirrored and shifted": lambda cells: moved(mirrored(cells), 2, 2),
    "mirrored and shifted and recoloured": lambda cells: recoloured(moved(mirrored(cells), 1, -2)),
}


def found(ruler, score, cells):
    return ruler.nearest_sprite(view(np.ascontiguousarray(cells), "", len(cells), score.tolerance))


def tiles(side, number=12, block=4):
    """Sprites that share nothing: blocks of five colours."""
    random = np.random.default_rng(1)
    shape = -(-side // block), -(-side // block)
    drawn = [random.integers(0, 256, (5, 3))[random.integers(0, 5, shape)] for _ in range(number)]
    return {f"tile_{i}": enlarge(one.astype(np.uint8), block)[:side, :side] for i, one in enumerate(drawn)}


def ruler_of(sprites, score):
    views = [view(cells, "", len(cells), score.tolerance) for cells in sprites.values()]
    return training(list(sprites), views, score)


@pytest.mark.parametrize("how", ATTACKS)
def test_copies_are_found_and_say_how(sprites, ruler, score, how):
    if "recoloured" in how:
        sprites = tiles(24)
        ruler = ruler_of(sprites, score)
    for stem, cells in sprites.items():
        near = found(ruler, score, ATTACKS[how](cells))
        assert (near.stem, near.how, near.copied) == (stem, how, 1)


@pytest.mark.parametrize("change", [swapped, speckled, lambda cells: mirrored(moved(swapped(cells), 1, 2))])
def test_a_fifth_of_the_cells_changed_is_still_a_copy(sprites, ruler, score, change):
    near = {stem: found(ruler, score, change(cells)) for stem, cells in sprites.items()}
    assert all(one.stem == stem for stem, one in near.items())
    assert min(one.copied for one in near.values()) > 0.5


def test_another_background_is_still_a_copy(sprites, ruler, score):
    for stem, cells in sprites.items():
        palette = palette_of(cells, 0.03)
        figure = figure_mask(palette.cells, rim(palette.cells))
        noise = np.random.default_rng(0).integers(0, 256, cells.shape).astype(np.uint8)
        near = found(ruler, score, np.where(figure[..., None], cells, noise))
        assert (near.stem, near.copied) == (stem, 1)


def test_new_people_are_no_copies(ruler, score):
    people = [pixel.draw(one) for one in persona.personas(40, seed=7)]
    called = [found(ruler, score, cells).copied >= 0.1 for cells in people]
    assert np.mean(called) <= 0.05


def test_flat_and_random_pictures_are_no_copies(ruler, score):
    """One colour for all, or each cell its own, follows from any sprite in one direction only."""
    random = np.random.default_rng(0).integers(0, 256, (24, 24, 3)).astype(np.uint8)
    half = np.where((np.arange(24) < 12)[:, None, None], np.uint8(0), np.full((24, 24, 3), 255, np.uint8))
    for cells in (np.full((24, 24, 3), 90, dtype=np.uint8), random, half):
        assert found(ruler, score, cells).copied == 0


@pytest.mark.parametrize("side", [8, 13, 48, 128])
def test_any_size_of_art(side, score):
    """From 8 cells, of which a move by one leaves 7, to 128, where contours are pooled."""
    sprites = tiles(side, number=6, block=max(2, side // 12))
    ruler = ruler_of(sprites, score)
    for stem, cells in list(sprites.items())[:2]:
        near = found(ruler, score, recoloured(moved(mirrored(cells), 1, 1)))
        assert (near.stem, near.how) == (stem, "mirrored and shifted and recoloured")
        assert near.copied > 0.5


def test_recolouring_is_no_sign_of_a_copy_where_sprites_are_recolourings(score):
    sprites = tiles(24)
    first = next(iter(sprites.values()))
    sprites |= {f"again_{seed}": recoloured(first, seed) for seed in range(3)}
    ruler = ruler_of(sprites, score)
    assert ruler.copy_limits.recoloured is None
    assert found(ruler, score, recoloured(first, 9)).copied == 0
    assert found(ruler, score, moved(first, 1, 0)) == (1, 0, "tile_0", "shifted")


def test_only_figures_count():
    sprite = np.zeros((24, 24, 3), dtype=np.uint8)
    sprite[8:, 6:18] = (200, 150, 100)
    sprite[12:, 9:15] = (60, 40, 200)
    palette = palette_of(sprite, 0.03)
    figure = figure_mask(palette.cells, rim(palette.cells))
    assert figure.sum() == 16 * 12
    half = np.where(figure[..., None], sprite, np.uint8(255))
    half[8:, 6:12] = (0, 255, 0)
    as_it_is = [
        one
        for one in bank([view(sprite, "", 24, 0.03)], 0.05).likenesses(view(half, "", 24, 0.03))
        if one.moved == (0, 0) and not one.mirrored
    ]
    assert [one.plain for one in as_it_is] == pytest.approx([0.5], abs=0.02)


def test_the_most_copied_wins_then_the_nearest_in_its_own_colours():
    limits = Limits(plain=0.2, recoloured=0.1)
    far = Likeness(number=0, plain=0.3, recoloured=0.25, mirrored=False, moved=(0, 0))
    near = Likeness(number=1, plain=0.25, recoloured=0.3, mirrored=True, moved=(0, 1))
    assert nearest([far, near], limits, "ab") == (0, 0.25, "b", "")
    copy = Likeness(number=0, plain=0.9, recoloured=0.01, mirrored=True, moved=(0, 0))
    assert nearest([near, copy], limits, "ab") == (1, 0.01, "a", "mirrored and recoloured")


@pytest.mark.parametrize(("distance", "expected"), [(0, 1), (0.1, 1), (0.15, 0.5), (0.2, 0), (0.9, 0)])
def test_copied_falls_with_distance(distance, expected):
    assert copied(distance, 0.2) == pytest.approx(expected)


def test_where_sprites_are_all_alike_only_exact_copies_count():
    assert [copied(distance, 0.0) for distance in (0.0, 0.01)] == [1, 0]
