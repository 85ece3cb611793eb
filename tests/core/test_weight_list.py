"""weights.json, from anyone: what is no list of weights is refused in words, before anything is opened or asked for."""

import json
from urllib.parse import urlsplit

import pytest
from fuzzing import examples
from hypothesis import given
from hypothesis import strategies as st

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.header import HeaderError
from sprite_lora.core.record import base_hash, own_files
from sprite_lora.core.weight_list import HEADER, LIST, LONGEST, listed_header, read_list, url_problem

GOOD_FILE = {"size": 1000, "sha256": "a" * 64}
GOOD = {
    "source": {"repo": "someone/model", "revision": "b" * 40},
    "files": {"unet/diffusion_pytorch_model.safetensors": GOOD_FILE},
}
SECRET = "s3cr3t"


def written(folder, content):
    (folder / LIST).write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def test_a_list(tmp_path):
    listed = read_list(written(tmp_path, GOOD))
    assert (listed.source.repo, listed.single) == ("someone/model", None)
    single = read_list(
        written(tmp_path, {"source": {"url": "https://a.org/x?type=Model"}, "files": {"m.safetensors": GOOD_FILE}})
    )
    assert single.single == "m.safetensors"
    assert read_list(written(tmp_path, GOOD | {"source": None})).source is None


def test_no_list(tmp_path):
    assert read_list(tmp_path) is None
    assert read_list(tmp_path / "none") is None


@pytest.mark.parametrize(
    "name",
    [
        "../m.safetensors", "/m.safetensors", "unet/../m.safetensors", "a/b/m.safetensors", "unet/.m.safetensors",
        ".m.safetensors",
        "..", "", "unet/", "C:/m.safetensors", "unet\\m.safetensors", "m.safetensors\n", "m.bin", "m.ckpt",
        "m.safetensors.pt",
        "m\u202e.safetensors", "x" * 300 + ".safetensors", "-rf/m.safetensors", "unet/model.pkl",
    ],
)  # fmt: skip
def test_names_that_lead_elsewhere_or_to_pickles(tmp_path, name):
    with pytest.raises(SpriteLoraError, match=r"weights\.json: files"):
        read_list(written(tmp_path, GOOD | {"files": {name: GOOD_FILE}}))


@pytest.mark.parametrize(
    "source",
    [
        {"url": "http://example.org/m.safetensors"}, {"url": "ftp://example.org/m"}, {"url": "file:///etc/passwd"},
        {"url": f"https://user:{SECRET}@example.org/m"}, {"url": f"https://{SECRET}@example.org/m"},
        {"url": f"https://example.org/m?token={SECRET}"}, {"url": f"https://example.org/m?X-Amz-Signature={SECRET}"},
        {"url": "https:///m"}, {"url": "https://[::1/m"}, {"url": "https://exa mple.org/m"},
        {"url": "https://example.org:x/m"},
        {"url": "https://example.org/\x1b[2J"}, {"url": 5}, {"url": "https://a.org/" + "x" * 3000},
        {"repo": "../../etc", "revision": "b" * 40}, {"repo": "a/b", "revision": "main"},
        {"repo": "a/b/c", "revision": "b" * 40},
        {"repo": "a/b"}, {"repo": "https://example.org/a", "revision": "b" * 40}, "somewhere", 5, [],
    ],
)  # fmt: skip
def test_sources_that_are_none(tmp_path, source):
    with pytest.raises(SpriteLoraError, match=r"weights\.json: source") as error:
        read_list(written(tmp_path, {"source": source, "files": {"m.safetensors": GOOD_FILE}}))
    assert SECRET not in str(error.value), "no secret is repeated"
    assert "\x1b" not in str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "null", "[]", "5", '"x"', "[" * 100_000, "{}", {"files": GOOD["files"]}, GOOD | {"more": 1},
        GOOD | {"files": {}},
        *(
            GOOD | {"files": {"m.safetensors": GOOD_FILE | change}}
            for change in (
                {"size": -1}, {"size": 10**18}, {"size": 2.5}, {"size": "1000"}, {"size": True}, {"size": None},
                {"size": 1e400},
                {"sha256": "A" * 64}, {"sha256": "a" * 63}, {"sha256": 5}, {"sha256": "../" + "a" * 61}, {"path": "x"},
            )
        ),
        GOOD | {"files": {"m.safetensors": GOOD_FILE, **GOOD["files"]}},
        {"source": {"url": "https://a.org/x"}, "files": GOOD["files"]},
        GOOD | {"files": {f"unet/{number}.safetensors": GOOD_FILE for number in range(65)}},
        " " * LONGEST + json.dumps(GOOD),
    ],
)  # fmt: skip
def test_content_of_another_form(tmp_path, content):
    with pytest.raises(SpriteLoraError, match=r"weights\.json"):
        read_list(written(tmp_path, content))


def test_what_is_no_file_is_not_opened(tmp_path):
    (tmp_path / LIST).mkdir()
    with pytest.raises(SpriteLoraError, match=r"weights\.json: is a folder"):
        read_list(tmp_path)


KEYS = ["source", "files", "size", "sha256", "url", "repo", "revision"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from([*GOOD["files"], "a" * 64]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@examples(60, 5000)
@given(VALUES, VALUES)
def test_any_json_is_a_list_or_refused_in_words(tmp_path, source, files):
    """And whatever is taken leads to files of the model's own folder alone, over https alone."""
    written(tmp_path, {"source": source, "files": files})
    try:
        found = read_list(tmp_path)
    except SpriteLoraError:
        return
    for name in found.files:
        assert (tmp_path / name).resolve().is_relative_to(tmp_path.resolve())
        assert name.endswith(".safetensors")


@examples(100, 20_000)
@given(st.text(max_size=60) | st.text(max_size=30).map(lambda text: f"https://example.org/{text}"))
def test_any_address_is_judged(url):
    if not url_problem(url):
        parts = urlsplit(url)
        assert parts.scheme == "https" or parts.hostname in ("127.0.0.1", "localhost", "::1")
        assert "@" not in parts.netloc
        assert url.isascii()


def test_a_header_must_be_one_of_a_file_of_that_size(tmp_path):
    name, file = next(iter(GOOD["files"].items()))
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    written(tmp_path, GOOD | {"files": {name: {**file, "size": 8 + len(header) + 8}}})
    beside = (tmp_path / name).with_name(f"diffusion_pytorch_model.safetensors{HEADER}")
    with pytest.raises(SpriteLoraError, match=r"header\.json: does not exist"):
        listed_header(tmp_path / name)
    beside.parent.mkdir()
    beside.write_bytes(header)
    assert listed_header(tmp_path / name).tensors["w"]["shape"] == [2]
    assert listed_header(tmp_path / "unet/other.safetensors") is None
    written(tmp_path, GOOD)
    with pytest.raises(HeaderError, match=r"leaves .* bytes after the last tensor"):
        listed_header(tmp_path / name)


LEFT = (
    ".gitattributes", ".cache/huggingface/x.metadata", ".cache/huggingface/.gitignore", ".git/index",
    "unet/model.safetensors.incomplete", "unet/x.part", "unet/x.lock", "unet/x.aria2", "unet/x.crdownload",
)  # fmt: skip


def test_leftovers_of_downloads_are_no_content(tmp_path):
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet/config.json").write_text("{}")
    before = base_hash(tmp_path)
    for name in LEFT:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("left")
    assert own_files(tmp_path) == ["unet/config.json"]
    assert base_hash(tmp_path) == before
