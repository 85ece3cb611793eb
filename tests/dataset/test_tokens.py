import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import ROOT, SHARED, TOKENIZER

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.dataset.tokens import clip_tokenizer, load_tokenizer

NANO = ROOT / "models/nano"


@pytest.fixture(scope="module")
def clip():
    return load_tokenizer(NANO)


@pytest.fixture(scope="module")
def reference():
    """transformers' own, the class that SD1.5's model_index.json names."""
    from transformers import CLIPTokenizer

    return CLIPTokenizer.from_pretrained(TOKENIZER, local_files_only=True)


def theirs(reference, text):
    return reference(text, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]


def test_a_known_sentence(clip):
    """openai/CLIP's own: "a photo of a cat" is 320 1125 539 320 2368."""
    assert clip.token_ids("a photo of a cat") == [320, 1125, 539, 320, 2368]
    assert clip.token_ids("  A  PHOTO of a\tcat ") == [320, 1125, 539, 320, 2368]
    assert clip.count("a photo of a cat") == 5
    assert clip.count("") == 0


@settings(max_examples=60)
@given(st.text(alphabet=st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=60))
def test_counts_equal_transformers(clip, reference, text):
    assert clip.token_ids(text) == theirs(reference, text)


@pytest.mark.parametrize(
    "text", ["wörld's ñandú ﬁ ①", "don't, it's I'll", "ΑΒΓ абв", "<|endoftext|> x", "#a0b1a6 #4f2526", "x\u00a0y"]
)
def test_other_scripts_and_marks(clip, reference, text):
    assert clip.token_ids(text) == theirs(reference, text)


def test_real_captions_equal_transformers(clip, reference):
    folder = SHARED / "real/captions"
    if not folder.is_dir():
        pytest.skip("../shared/real does not exist")
    texts = [path.read_text() for path in sorted(folder.glob("2025-11-10T1313/*.txt"))[:40]]
    assert clip.counts(texts) == [len(theirs(reference, text)) for text in texts]


@given(st.text(max_size=80), st.integers(0, 40))
def test_cut_and_rest_are_the_whole(clip, text, limit):
    kept, lost = clip.cut(text, limit)
    assert kept + lost == text
    assert bool(lost.strip()) == (clip.count(text) > limit)


@given(
    st.lists(
        st.sampled_from(["pixel", "art", "hair", "blue", "#a0b1a6", "undenarth", "24x24", "(red)", "it's"]), max_size=30
    ),
    st.integers(0, 40),
)
def test_what_is_kept_is_what_is_read(clip, parts, limit):
    """Cut between tokens: the kept text's ids are the first ones, as long as no word is cut in two."""
    text = ", ".join(parts)
    kept, lost = clip.cut(text, limit)
    ids = clip.token_ids(text)
    if not lost or not (kept[-1:].isalpha() and lost[0].isalpha()):
        assert clip.token_ids(kept) == ids[:limit]
        assert clip.token_ids(lost) == ids[limit:]


def test_vocabulary_files_give_the_same_tokenizer(clip, tmp_path):
    (tmp_path / "tokenizer").mkdir()
    for name in ("vocab.json", "merges.txt"):
        (tmp_path / "tokenizer" / name).write_bytes((TOKENIZER / name).read_bytes())
    plain = load_tokenizer(tmp_path)
    for text in ("pixel art, 24x24, it's #a0b1a6!", "ÀÉ 日本 x\n\ny", "<|startoftext|> a"):
        assert plain.token_ids(text) == clip.token_ids(text)


def test_truncation_stored_in_the_file_is_switched_off(clip, tmp_path):
    stored = json.loads((TOKENIZER / "tokenizer.json").read_text())
    stored["truncation"] = {"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0}
    (tmp_path / "tokenizer").mkdir()
    (tmp_path / "tokenizer/tokenizer.json").write_text(json.dumps(stored))
    text = "pixel art, 24x24, portrait of bespoke punk lad"
    assert load_tokenizer(tmp_path).count(text) == clip.count(text) > 5


def test_a_single_file_has_clips_own(clip, tmp_path):
    (tmp_path / "base.safetensors").write_bytes(b"")
    assert load_tokenizer(tmp_path / "base.safetensors").token_ids("blue hair") == clip.token_ids("blue hair")


def test_clips_own_vocabulary_follows_from_its_merges(clip):
    """Number by number what the published vocab.json holds, and the same ids for hard texts."""
    assert clip_tokenizer().vocabulary() == json.loads((TOKENIZER / "vocab.json").read_text())
    for text in ("pixel art, 24x24", "caf\u00e9 \u4e2d\u6587 \U0001f600", "it's 1234 #a0c8ff!!", "  \t spaces\n"):
        assert clip_tokenizer().token_ids(text) == clip.token_ids(text)


def test_a_folder_without_is_refused(tmp_path):
    with pytest.raises(SpriteLoraError, match=r"vocab\.json"):
        load_tokenizer(tmp_path)


def test_no_torch_is_loaded():
    import subprocess
    import sys

    modules = "sprite_lora.dataset.tokens, sprite_lora.dataset.caption, sprite_lora.lora.size"
    program = f"import sys, {modules}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


@given(st.lists(st.text(max_size=40), max_size=5))
def test_counts_by_words_are_the_whole_texts(clip, texts):
    assert clip.counts(texts) == [len(clip.token_ids(text)) for text in texts]


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=80))
def test_counts_of_ascii_are_the_whole_texts(clip, text):
    assert clip.counts([text, f"{text} {text}"]) == [clip.count(text), clip.count(f"{text} {text}")]
