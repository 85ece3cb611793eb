"""One file from an address: whole or not at all. A stand-in on loopback for a site of models."""

import hashlib
import time

import pytest
from hub_stand_in import Hub, machine, other_process, serving

from sprite_lora.bases import download as downloads
from sprite_lora.bases.download import download
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.weight_list import WeightFile

CONTENT = bytes(range(256)) * 20_000
EXPECTED = WeightFile(size=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())
SECRET = "c1v1t41-s3cr3t"


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "PAUSES", (0, 0, 0))
    with serving(Hub({"m.safetensors": CONTENT})) as hub, machine(tmp_path.with_name("cache")):
        yield hub


def at(site):
    return f"{site.url}/file/m.safetensors"


def left(folder):
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"}


@pytest.mark.parametrize("expected", [EXPECTED, None])
def test_a_file_has_the_name_of_its_hash(site, tmp_path, expected):
    assert download(at(site), tmp_path, expected) == EXPECTED
    assert (tmp_path / f"{EXPECTED.sha256}.safetensors").read_bytes() == CONTENT
    assert left(tmp_path) == {f"{EXPECTED.sha256}.safetensors"}


@pytest.mark.parametrize(
    ("expected", "etag", "again"), [(EXPECTED, False, False), (None, True, False), (None, False, True)]
)
def test_a_break_is_gone_on_from(site, tmp_path, expected, etag, again):
    """Where neither hash nor ETag says that it is the same file still, it begins anew."""
    site.cuts, site.etag = [2_000_000, 1_000_000], etag
    if again:
        site.cuts = [1_000_000, 2_000_000]
    assert download(at(site), tmp_path, expected) == EXPECTED
    more = site.sent - len(CONTENT)
    assert more == 3_000_000 if again else more < 2 * downloads.CHUNK, "what came in a chunk that broke comes again"


def test_another_process_goes_on_where_one_was_killed(site, tmp_path):
    (tmp_path / f"{EXPECTED.sha256}.part").write_bytes(CONTENT[:4_000_000])
    assert download(at(site), tmp_path, EXPECTED) == EXPECTED
    assert site.sent == len(CONTENT) - 4_000_000


def test_a_killed_process_leaves_no_file_and_the_next_goes_on(site, tmp_path):
    site.pause = 0.1
    code = (
        "import sys; from pathlib import Path; from sprite_lora.bases.download import *;"
        f"download(sys.argv[1], Path('.'), WeightFile(size={EXPECTED.size}, sha256='{EXPECTED.sha256}'))"
    )
    killed = other_process(tmp_path, "-c", code, at(site))
    part = tmp_path / f"{EXPECTED.sha256}.part"
    deadline = time.monotonic() + 120
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    killed.kill()
    killed.communicate()
    had = part.stat().st_size
    assert left(tmp_path) == {part.name}
    site.pause, site.sent = 0, 0
    assert download(at(site), tmp_path, EXPECTED) == EXPECTED
    assert site.asked()[-1] == "/file/m.safetensors"
    assert site.seen[-1][2]["Range"] == f"bytes={had}-"


def test_a_part_of_something_else_is_found_by_its_hash(site, tmp_path):
    (tmp_path / f"{EXPECTED.sha256}.part").write_bytes(b"x" * 4_000_000)
    with pytest.raises(SpriteLoraError, match=r"127\.0\.0\.1 gave another file than the list names") as error:
        download(at(site), tmp_path, EXPECTED)
    assert error.value.hint == "nothing was kept"
    assert left(tmp_path) == set()
    assert download(at(site), tmp_path, EXPECTED) == EXPECTED


def test_a_server_without_ranges(site, tmp_path):
    site.ranges = False
    (tmp_path / f"{EXPECTED.sha256}.part").write_bytes(b"x" * 4_000_000)
    assert download(at(site), tmp_path, EXPECTED) == EXPECTED


def test_more_bytes_than_the_list_names_are_not_taken(site, tmp_path):
    with pytest.raises(SpriteLoraError, match="gives more than 4,000 bytes"):
        download(at(site), tmp_path, WeightFile(size=4000, sha256="0" * 64))
    assert site.sent <= len(CONTENT)
    assert left(tmp_path) == set()


def test_it_gives_up_in_words_and_keeps_what_came(site, tmp_path):
    site.cuts = [1_000_000] + [0] * 50
    with pytest.raises(SpriteLoraError, match="the file cannot be fetched"):
        download(at(site), tmp_path, EXPECTED)
    assert left(tmp_path) == {f"{EXPECTED.sha256}.part"}, "nothing under the final name"
    site.cuts = []
    assert download(at(site), tmp_path, EXPECTED) == EXPECTED


@pytest.mark.parametrize(
    ("status", "words"), [(401, "refuses the file"), (404, "does not have the file"), (500, "cannot be fetched")]
)
def test_what_a_site_answers(site, tmp_path, status, words):
    site.status = status
    with pytest.raises(SpriteLoraError, match=words):
        download(at(site), tmp_path, EXPECTED)


def test_a_token_goes_to_its_host_alone(site, tmp_path, monkeypatch, capfd):
    """Sites send on to a store of another host, with an address that is signed."""
    monkeypatch.setitem(downloads.TOKENS, "127.0.0.1", "CIVITAI_API_TOKEN")
    monkeypatch.setenv("CIVITAI_API_TOKEN", SECRET)
    site.moved_to = f"http://localhost:{site.port}"
    assert download(f"{site.url}/moved/m.safetensors", tmp_path, EXPECTED) == EXPECTED
    (_, _, first), (_, _, second) = site.seen
    assert (first.get("Authorization"), second.get("Authorization")) == (f"Bearer {SECRET}", None)
    site.status = 403
    (tmp_path / f"{EXPECTED.sha256}.safetensors").unlink()
    with pytest.raises(SpriteLoraError) as error:
        download(at(site), tmp_path, EXPECTED)
    assert "CIVITAI_API_TOKEN" in str(error.value)
    assert SECRET not in str(error.value) + "".join(capfd.readouterr())


def test_other_hosts_get_no_token(site, tmp_path, monkeypatch):
    monkeypatch.setenv("CIVITAI_API_TOKEN", SECRET)
    monkeypatch.setenv("HF_TOKEN", SECRET)
    download(at(site), tmp_path, EXPECTED)
    assert all("Authorization" not in headers for _, _, headers in site.seen)


def test_no_address_without_encryption_is_followed(site, tmp_path, monkeypatch):
    """Called a host of its own, the stand-in sends on to http."""
    with pytest.raises(SpriteLoraError, match="an address is not https"):
        download("http://example.org/m.safetensors", tmp_path, EXPECTED)
    monkeypatch.setattr(downloads, "LOOPBACK", ())
    with pytest.raises(SpriteLoraError, match=r"127\.0\.0\.1 sends on to an address that is not https"):
        download(at(site), tmp_path, EXPECTED)
    assert not site.seen


def test_a_full_disk_is_said(site, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(downloads._Transfer, "_write", full)
    with pytest.raises(SpriteLoraError, match=r"\.part cannot be written: No space left on device") as error:
        download(at(site), tmp_path, EXPECTED)
    assert "HF_HOME" in error.value.hint
