"""Both pages in a real browser, by keys and clicks: thirty pairs, and the ranking that follows from them."""

import asyncio

import pytest
from chromium import Tab, tab
from review_server import started

from sprite_lora.results.people import rank
from sprite_lora.results.ratings import Ratings

LIKED = {1: 2, 2: 5, 3: 4, 4: 1, 5: 3}
"""Epoch to how much the rater likes it; the score likes 5 best."""


@pytest.fixture
def epoch_of(trained):
    """Picture to its epoch."""
    return {picture.pixels: epoch.number for epoch in trained for picture in epoch.drawn}


def order(ratings, trained):
    ranking = rank(ratings, trained)
    return sorted(ranking.drawings.epochs, key=ranking.points, reverse=True)


async def press(page: Tab, key: str) -> None:
    """Press a key and wait for what comes next."""
    turn = await page.tell("document.querySelector('.rating').dataset.turn")
    await page.press(key)
    await page.until(f"document.querySelector('.rating').dataset.turn > {turn}")


async def sources(page: Tab) -> list[str]:
    return list(await page.tell("Array.from(document.querySelectorAll('.rating img'), (image) => image.src)"))


@pytest.mark.slow
def test_thirty_pairs_by_keys_change_the_ranking(project, trained, epoch_of, tmp_path):
    async def rate(address: str) -> list[str]:
        async with tab(tmp_path / "profile") as page:
            await page.look(390, 844)
            await page.load(address)
            await page.until("document.querySelector('.rating').dataset.turn")
            shown = await sources(page)
            await press(page, "s")
            assert await sources(page) != shown
            await press(page, "z")
            assert await sources(page) == shown
            for _ in range(30):
                left, right = (epoch_of[source.rsplit("/", 1)[1]] for source in await sources(page))
                await press(page, "ArrowLeft" if LIKED[left] > LIKED[right] else "ArrowRight")
            await press(page, "=")
            await press(page, "z")
            told = await page.tell("document.querySelector('.rating-status').textContent")
            assert told.startswith("30 of 30 pairs rated. The best epoch is known with ")
            assert "from now on an answer replaces" in await page.tell(
                "document.querySelector('.rating-note').textContent"
            )
            assert await page.tell("document.documentElement.scrollWidth - innerWidth") == 0
            assert (
                await page.tell("getComputedStyle(document.querySelector('.rating img')).imageRendering") == "pixelated"
            )
            said = list(page.said)
            process.kill()
            await page.press("ArrowLeft")
            await page.until("document.querySelector('.rating-note').textContent.startsWith('No answer: ')")
            return said

    with started(project) as (address, process):
        assert asyncio.run(rate(address)) == []
    ratings = Ratings.read(project)
    assert len(ratings.ratings) == 30
    assert order(ratings, trained) == [2, 3, 5, 1, 4]
