"""The page in a real browser: it draws, it says nothing on the console, its viewer works, it fits a phone."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from chromium import installed
from PIL import Image

from stages.report.__main__ import main

QUIET = """
--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --hide-scrollbars --enable-logging=stderr --log-level=0
"""

# A phone's width (headless windows are never as narrow). It opens an epoch's first picture, walks right, down and right
# again, where nothing is, and passes on what the dialog then shows and how far the page is wider than the phone.
PHONE = """<!doctype html><title>phone</title><iframe src="walk.html" width="360" height="800"></iframe><script>
addEventListener("message", (event) => { Object.assign(document.body.dataset, event.data); });
</script>"""
WALK = """<script>
const press = (key) => document.querySelector("dialog").dispatchEvent(new KeyboardEvent("keydown", {key}));
document.querySelector("#epoch-1 img").click();
press("ArrowRight"); press("ArrowDown"); press("ArrowRight");
const shown = document.querySelector("dialog[open] img").alt;
parent.postMessage({shown, width: innerWidth, overflow: document.documentElement.scrollWidth - innerWidth}, "*");
</script>"""


@pytest.fixture
def browser() -> str:
    return installed()


def browse(browser: str, page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    profile = page.parent / "profile"
    command = [browser, *QUIET.split(), f"--user-data-dir={profile}", *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)


def test_draws_without_a_word_on_the_console(run_folder, browser):
    main()
    picture = run_folder / "page.png"
    done = browse(browser, run_folder / "reports/report.html", f"--screenshot={picture}", "--window-size=800,1200")
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    with Image.open(picture) as screenshot:
        pixels = np.asarray(screenshot.convert("RGB"))
    assert pixels.shape == (1200, 800, 3)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 100


def test_viewer_walks_and_the_page_fits_a_phone(run_folder, browser):
    main()
    text = (run_folder / "reports/report.html").read_text(encoding="utf-8")
    text = re.sub(r"<meta http-equiv=[^>]*>", "", text).replace("</body>", f"{WALK}</body>")
    (run_folder / "walk.html").write_text(text, encoding="utf-8")
    phone = run_folder / "phone.html"
    phone.write_text(PHONE, encoding="utf-8")
    drawn = browse(browser, phone, "--dump-dom", "--virtual-time-budget=2000").stdout
    told = re.search(r"<body (.*?)>", drawn)
    assert told, drawn
    assert 'data-width="360"' in told[1]
    assert 'data-overflow="0"' in told[1]
    assert 'data-shown="Epoch 2, prompt lad_blue, score 7.75 of 10."' in told[1]


def test_selected_epoch_stands_in_the_drawn_page(run_folder, browser):
    main()
    drawn = browse(browser, run_folder / "reports/report.html", "--dump-dom").stdout
    assert re.search(r'class="headline">Take epoch <strong>2</strong>', drawn)
    assert len(re.findall('<img [^>]*role="button"', drawn)) == 4 * 2, "the page's own policy lets its script run"
