"""The tokenizers that sd-scripts finds instead of a hub's, read as it reads them: by transformers' CLIPTokenizer."""

import pytest
from places import TOKENIZER

from stages.train.kohya.tokenizers import PADDED_BY, write_tokenizers

TEXT = "pixel art, 24x24, portrait of bespoke punk lady, café (#a0b1a6)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("tokenizers")
    write_tokenizers(made)
    return made


@pytest.mark.parametrize(("name", "pad"), [(name, 0 if token == "!" else 49407) for name, token in PADDED_BY.items()])
def test_ids_are_clips_and_padding_is_the_encoders(folder, name, pad):
    from transformers import CLIPTokenizer

    ours = CLIPTokenizer.from_pretrained(folder / name, local_files_only=True)
    clips = CLIPTokenizer.from_pretrained(TOKENIZER, local_files_only=True)
    assert ours(TEXT).input_ids == clips(TEXT).input_ids
    padded = ours("punk", padding="max_length", max_length=77).input_ids
    assert (ours.model_max_length, ours.pad_token_id, padded[-1]) == (77, pad, pad)
    assert (ours.bos_token_id, ours.eos_token_id) == (49406, 49407)
