"""What changed since the last commit, on the page."""

import html
import json
import re
import subprocess

import pytest
import yaml

from stages.report.__main__ import main


def section(folder) -> str:
    """The words of `What changed`."""
    page = (folder / "reports/report.html").read_text()
    inside = re.search(r'<section id="drift".*?</section>', page, re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", inside.group())).split())


@pytest.fixture
def committed(run_folder):
    """A run in Git; returns a function that edits params and captions of the run after it."""
    captions = run_folder / "reports/captions.json"
    captions.write_text(json.dumps({"lad_1": "pixel art, lad, red hat", "lady_1": "pixel art, lady"}))
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "run"]):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@x.invalid", *command], check=True)

    def edit(change_params, texts):
        params = run_folder / "params.yaml"
        content = yaml.safe_load(params.read_text())
        change_params(content)
        params.write_text(yaml.safe_dump(content))
        captions.write_text(json.dumps(texts))
        main()
        return section(run_folder)

    return edit


def test_a_run_outside_of_git_says_so(run_folder):
    main()
    assert "Not compared: the revision HEAD holds no earlier run." in section(run_folder)


def test_null_compares_with_nothing(committed):
    said = committed(lambda params: params["report"].update(compare_with=None), {})
    assert "Not compared: report.compare_with is null." in said


def test_the_same_run_again(committed):
    said = committed(lambda params: None, {"lad_1": "pixel art, lad, red hat", "lady_1": "pixel art, lady"})
    assert "Nothing since HEAD: the same settings, captions and prompts." in said


def test_settings_captions_and_prompts_that_changed(committed):
    def change(params):
        params["train"]["network_dim"] = 32
        params["report"]["title"] = "other"
        params["sample"]["prompts"]["new"] = "pixel art, a <b>bold</b> prompt"

    said = committed(change, {"lad_1": "pixel art, lad, blue hat", "lady_1": "pixel art, lady"})
    assert "1 effective change" in said
    assert "captions: different; prompts: different" in said
    assert re.search(r"network_ ?dim 16 32 ", said)
    assert "lad_1 pixel art, lad, red hat pixel art, lad, blue hat" in said
    assert "Captions: 1 changed, 0 added, 0 removed, 1 as before." in said
    assert 'New prompt: "pixel art, a <b>bold</b> prompt"' in said


def test_several_seeds_in_the_place_of_one(committed):
    def change(params):
        params["sample"]["seeds"] = [42, 43]

    said = committed(change, {"lad_1": "pixel art, lad, red hat", "lady_1": "pixel art, lady"})
    assert re.search(r"sample\.seed 42 42, 43 ", said)
