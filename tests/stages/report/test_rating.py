"""What people prefer on the page; and rating on it without the project: keys, a download, and its way back."""

import asyncio
from pathlib import Path

from chromium import tab
from rated import rated

from sprite_lora.results.people import people, rank
from sprite_lora.results.ratings import Ratings
from sprite_lora.results.scores import Scores
from sprite_lora.results.selection import Selection
from stages.report.__main__ import main
from tools.review.merge import merge


def test_ranking_interval_and_agreement_stand_beside_the_score(run_folder, edit_json):
    edit_json("reports/select.json", lambda content: content.update(people=None))
    main()
    text = (run_folder / "reports/report.html").read_text(encoding="utf-8")
    assert "Nobody has rated pairs of these pictures yet." in text
    trained = Scores.read().trained
    answers = rated(trained, lambda number: {1: 3, 2: 1, 3: 2}[number])
    found = people(rank(answers, trained), 0.25)
    assert found is not None
    edit_json("reports/select.json", lambda content: content.update(people=found.model_dump(mode="json")))
    assert Selection.read().people == found
    main()
    text = (run_folder / "reports/report.html").read_text(encoding="utf-8")
    section = text[text.index('<section id="people"') : text.index('<section id="training"')]
    assert "6 answers of 1 person, few so far" in section
    assert "They weigh 25% in the selection (select.people)." in section
    assert "agree on 0% of the 6 pairs" in section, "the score likes 2, then 3, then 1"
    first, second, third = sorted(found.epochs, key=lambda each: -each.points)
    assert [first.epoch, second.epoch, third.epoch] == [1, 3, 2]
    rows = [row.split("</tr>")[0] for row in section.split("<tr")[2:]]
    assert len(rows) == 3
    assert '<th scope="row">1</th><td>5.00</td>' in rows[0]
    assert f"<td>{first.low:.2f} to {first.high:.2f}</td>" in rows[0]
    assert 'class="selected"' in rows[2]


async def rate(page_file: Path, profile: Path, downloads: Path) -> list[str]:
    """Prefer the left picture once, the right one once, call the others equal; look at it in between; download."""
    async with tab(profile) as page:
        await page.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))
        await page.look(390, 844)
        turns = "Number(document.querySelector('.rating')?.dataset.turn ?? 0)"
        chosen, sides = [], {"ArrowLeft": 0, "ArrowRight": 1}
        for visit in range(2):
            await page.load(page_file.as_uri())
            await page.press("ArrowLeft")  # before the dialog is open, keys scroll the page
            await page.tell("document.querySelector('.rate button').click()")
            await page.until(f"{turns} > 0")
            assert await page.tell("document.querySelector('.rating-status').textContent") == (
                f"{3 * visit} of 6 pairs rated."
            )
            for key in ("ArrowLeft", "ArrowRight", "="):
                turn = await page.tell(turns)
                if key in sides:
                    source = await page.tell(f"document.querySelectorAll('.rating-pair img')[{sides[key]}].src")
                    chosen.append(
                        await page.tell(f"document.querySelector('[data-pixels][src=\"{source}\"]').dataset.pixels")
                    )
                await page.press(key)
                await page.until(f"{turns} > {turn}")
            assert await page.tell("document.querySelector('.rating-dialog').scrollWidth <= innerWidth")
        assert await page.tell("document.querySelector('.rating').classList.contains('without-pair')")
        await page.press("ArrowLeft")  # nothing is shown, nothing happens
        await page.tell("Array.from(document.querySelectorAll('.rating-dialog .keys button'))[0].click()")
        for _ in range(600):
            if list(downloads.glob("*.json")):
                break
            await asyncio.sleep(0.05)
        assert page.said == []
        return chosen


def test_pairs_are_rated_on_the_page_and_taken_in(run_folder, tmp_path_factory):
    main()
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    page = elsewhere / "report.html"
    page.write_bytes((run_folder / "reports/report.html").read_bytes())
    chosen = asyncio.run(rate(page, elsewhere / "profile", elsewhere))
    (file,) = elsewhere.glob("ratings-guest-*.json")
    said = merge(file, None)
    assert "6 answers of guest-" in said
    assert "6 are of this run's pictures" in said
    ratings = Ratings.read().ratings
    assert sorted(rating.better == "equal" for rating in ratings) == [False] * 4 + [True] * 2
    preferred = [{"first": rating.first, "second": rating.second}.get(rating.better) for rating in ratings]
    assert sorted(filter(None, preferred)) == sorted(chosen)
    Ratings.read().write(run_folder / "again")
    assert (run_folder / "again/ratings/ratings.json").read_bytes() == file.read_bytes(), "one form of the file"
