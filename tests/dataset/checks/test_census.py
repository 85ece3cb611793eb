"""What the captions say, counted and in order."""

from sprite_lora.dataset.checks.census import Census, order, plain_tags


def test_census_counts_captions_not_words():
    census = Census()
    for caption in ("red hair (#aaaaaa), hat, hat", "red hair, palette: #aaaaaa"):
        census.add(caption)
    assert census.words == {"red": 2, "hair": 2, "hat": 1, "palette": 1}
    assert census.tags == {"red hair": 2, "hat": 1}
    assert plain_tags("a (#aaaaaa), #bbbbbb, palette: #cccccc, b (c)") == ["a", "b (c"]


def test_order():
    census = Census()
    captions = [f"{colour} hair, {colour} eyes" for colour in ("red", "blue", "grey", "green", "brown")]
    for caption in captions:
        census.add(caption)
    said = order(captions, census)
    assert said.broken(["pink hair", "pink eyes"]) is None
    assert said.broken(["pink eyes", "pink hair"]) == ("pink eyes", "pink hair")
    assert said.broken(["pink eyes", "hat"]) is None
