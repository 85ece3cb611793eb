"""What captions name, and the words that say how."""

import pytest
from fuzzing import examples
from hypothesis import given
from hypothesis import strategies as st

from sprite_lora.dataset.named import named, not_known, nouns, phrases, style_phrases

STYLE = "pixel art, 24x24, portrait of bespoke punk lad"
CAPTIONS = [
    f"{STYLE}, dark brown hair, wearing red-rimmed glasses, blue eyes, light skin, green solid background",
    f"{STYLE}, gray hair, medium male skin tone, blue eyes with reflection, purple background (#a0c8ff)",
    f"{STYLE}, hair, wearing a hat with red logo in the center, brown eyes, dark skin, split blue to teal background",
]


def test_a_phrase_ends_where_more_is_said_of_its_thing():
    assert [phrase.words for phrase in phrases(CAPTIONS[2])[3:]] == [
        ("hair",),
        ("hat",),
        ("brown", "eyes"),
        ("dark", "skin"),
        ("split", "blue", "teal", "background"),
    ]
    assert [phrase.text for phrase in phrases(CAPTIONS[0])][4] == "red rimmed glasses"


def test_nouns_are_what_enough_captions_name_and_no_style():
    assert nouns(CAPTIONS, 2) == ("background", "eyes", "hair", "skin"), "the skin of one is a tone"
    assert {"portrait"} < {word for words in style_phrases(CAPTIONS) for word in words}


def test_the_more_frequent_thing_of_a_phrase_counts():
    found = named(CAPTIONS[1], ("skin", "hair", "tone"))
    assert found["skin"].how == ("medium", "male")
    assert "tone" not in found
    assert found["hair"].colours == ("grey",), "under the name that NAMED holds"


def test_what_no_thing_is_known_of_is_listed():
    assert not_known(CAPTIONS[0], nouns(CAPTIONS, 2), style_phrases(CAPTIONS)) == ["red rimmed glasses"]


@pytest.mark.parametrize("caption", ["", ",,,", "(", "(()", "with of in", "a the", "#ff0000"])
def test_empty_and_broken_captions_name_nothing(caption):
    assert phrases(caption) == []
    assert named(caption, ("hair",)) == {}


@given(st.lists(st.text(max_size=80), max_size=6))
@examples(few=60, deep=100_000)
def test_any_text_is_read(captions):
    known = nouns(captions, 1)
    style = style_phrases(captions)
    for caption in captions:
        found = named(caption, known)
        assert set(found) <= set(known)
        assert all(one.thing not in one.how for one in found.values())
        not_known(caption, known, style)
