"""The page as a whole: whole HTML, nothing from outside, nothing unescaped, the same bytes each time."""

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from sprite_lora.core.errors import SpriteLoraError
from stages.report.__main__ import main
from stages.report.page import breakable

VOID = {"meta", "link", "img", "input", "br", "hr", "wbr"}


class Elements(HTMLParser):
    """Checks that every element is closed in its order, and keeps all (tag, attributes)."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute twice: {attrs}"
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def written(root: Path) -> str:
    main()
    return (root / "reports/report.html").read_text(encoding="utf-8")


def test_html_is_whole_and_accessible(run_folder):
    page = Elements(written(run_folder))
    assert page.of("html") == [{"lang": "en"}]
    headings = [int(tag[1]) for tag, _ in page.found if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(headings)), "a level is left out"
    assert len(page.of("img")) == 4 * 2 + 2
    assert all(image["alt"] for image in page.of("img"))
    assert all(svg.get("aria-label") for svg in page.of("svg") if svg.get("role") == "img")
    identifiers = [attributes["id"] for _, attributes in page.found if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    targets = {link["href"] for link in page.of("a")}
    assert targets <= {f"#{name}" for name in identifiers}
    for attribute in ("aria-labelledby", "for"):
        assert {a[attribute] for _, a in page.found if attribute in a} <= set(identifiers)


def test_nothing_comes_from_outside(run_folder):
    text = written(run_folder)
    page = Elements(text)
    for tag, attributes in page.found:
        for name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:image/", "#")), (tag, value)
    assert not re.search(r"@import|url\(", text)
    policy = next(meta["content"] for meta in page.of("meta") if "http-equiv" in meta)
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_same_run_same_bytes(run_folder):
    first = written(run_folder)
    assert str(run_folder) not in first
    assert written(run_folder) == first


def test_hostile_text_is_escaped_everywhere(run_folder, edit_json, hostile):
    def spoil(content):
        for key, value in content.items() if isinstance(content, dict) else enumerate(content):
            if isinstance(value, dict | list):
                spoil(value)
            elif isinstance(value, str) and key not in ("severity", "file", "rule") and content:
                content[key] = hostile

    def spoil_prompts(scores):
        for epoch in scores["epochs"]:
            epoch["drawn"][0]["prompt"] = f"pixel art, 24x24, {hostile}"
            spoil([remark for remark in epoch["drawn"][0]["remarks"] if remark["word"] != "not as asked"])
            for thing in epoch["drawn"][0]["named"]:
                thing["sentence"] = hostile

    clean = Elements(written(run_folder))
    for name in ("validate", "select"):
        edit_json(f"reports/{name}.json", lambda content: spoil_but_file(content, spoil))
    edit_json("outputs/selected/record.json", spoil)
    edit_json("reports/validate.json", lambda content: content["overview"]["tags"].update({hostile: 3}))
    params = run_folder / "params.yaml"
    params.write_text(params.read_text().replace("title: sprites", f"title: {quoted(hostile)}"))
    edit_json("reports/score.json", spoil_prompts)
    spoiled = Elements(written(run_folder))
    assert [tag for tag, _ in spoiled.found] == [tag for tag, _ in clean.found]
    assert spoiled.text.count(hostile) > 5
    assert not [attributes for _, attributes in spoiled.found if "onerror" in attributes]


def spoil_but_file(content, spoil):
    """All texts but the name of the selected file, which has to be there."""
    file = content.get("file")
    spoil(content)
    if file:
        content["file"] = file


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@pytest.mark.parametrize(
    "name",
    [
        "reports/validate.json",
        "reports/plan.json",
        "reports/score.json",
        "reports/select.json",
        "outputs/selected/record.json",
        "outputs/finished/colours.json",
        "outputs/samples/epoch-01/lad_blue.png",
    ],
)
def test_missing_file_is_named(run_folder, name):
    (run_folder / name).unlink()
    with pytest.raises(SpriteLoraError, match=name):
        main()


def test_what_is_wrong_stands_in_words(run_folder):
    page = Elements(written(run_folder))
    images = {image["alt"].split(", score")[0]: image["alt"] for image in page.of("img") if "score" in image["alt"]}
    assert images["Epoch 3, prompt lad_blue"].endswith("Copy: 96% of the figure is training sprite lad_012.")
    assert images["Epoch 1, prompt lady_green"].endswith(
        "Palette: 34 colours cover 95 % of the cells; training sprites have 6 to 13. "
        "Named: blue eyes: yes | solid green background: drawn teal."
    )
    titles = {attributes["title"] for tag, attributes in page.found if tag == "span" and "title" in attributes}
    assert "40% of its pictures, by how close they are, are training sprites" in titles
    assert "Not considered: too many of its pictures are copies of training sprites." in titles


def test_none_usable_is_said_first_with_reasons(run_folder, edit_json):
    assert "Take epoch 2 of 3" in Elements(written(run_folder)).text
    against = {"usable": False, "reasons_against": ["Epoch 2 scores too little.", "It copies."]}
    edit_json("reports/select.json", lambda selection: selection.update(against))
    spoiled = Elements(written(run_folder)).text
    assert "Take epoch" not in spoiled
    assert "The file to take" not in spoiled
    assert "None is usable Least bad: epoch 2 of 3." in spoiled
    assert "Why none Epoch 2 scores too little. It copies. Why epoch 2 Epoch 2 scores best." in spoiled


def test_chances_stand_beside_the_scores(run_folder):
    text = Elements(written(run_folder)).text
    assert "How sure 88% chance to be the best, by these prompts" in text
    rows = re.findall(r"(\d)(?: selected| untouched base)? \d\.\d\d (\d+%|\N{EN DASH}) ", text)
    assert rows == [("0", "\N{EN DASH}"), ("1", "12%"), ("2", "88%"), ("3", "\N{EN DASH}")]


def test_long_names_break_at_underscores_and_stay_escaped():
    assert breakable("lady_<b>_x") == "lady_<wbr>&lt;b&gt;_<wbr>x"


def test_named_things_that_are_drawn_otherwise_stand_under_the_picture(run_folder):
    """All answers are said with the enlarged picture."""
    page = written(run_folder)
    assert '<span class="wrong">solid green background: drawn teal</span>' in page
    assert '<span class="wrong">blue eyes' not in page
    assert "Named: blue eyes: yes | solid green background: drawn teal." in page
