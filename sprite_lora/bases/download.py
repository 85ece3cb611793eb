"""One file from an address, as sites of models hand them out: goes on after a break, whole or not at all."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import requests
from filelock import FileLock
from requests.auth import AuthBase
from tqdm import tqdm

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import sha256, sha256_text
from sprite_lora.core.weight_list import LARGEST, LOOPBACK, WeightFile, url_problem

TOKENS = {"civitai.com": "CIVITAI_API_TOKEN", "huggingface.co": "HF_TOKEN"}
"""Host to the variable whose token it gets, and no other host."""

TIMEOUT = (15, 60)
"""Seconds for a connection, and without a byte."""

PAUSES = (1, 2, 5, 10, 20)
"""Seconds between attempts that bring nothing."""

CHUNK = 1 << 20


def is_offline() -> bool:
    """Whether HF_HUB_OFFLINE is set."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


class _Token(AuthBase):
    """The host's token; with it requests looks for no other in .netrc, and drops it where it is sent elsewhere."""

    def __init__(self, host: str) -> None:
        self._token = os.environ.get(TOKENS.get(host, ""), "")

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


@contextmanager
def opened(url: str, headers: dict[str, str]) -> Iterator[requests.Response]:
    """The answer to a request for `url`, whose body is not read yet. Raises SpriteLoraError, and what requests raises.

    No address that it leads to may be without encryption; the texts of errors name the host alone.
    """
    if problem := url_problem(url):
        raise SpriteLoraError(f"an address {problem}", "https://..., without user, token or key")
    host = urlsplit(url).hostname or ""
    with requests.Session() as session:
        if host not in LOOPBACK:
            del session.adapters["http://"]
        try:
            answer = session.get(
                url, headers={"Accept-Encoding": "identity", **headers}, auth=_Token(host), stream=True, timeout=TIMEOUT
            )
        except requests.exceptions.InvalidSchema:
            raise SpriteLoraError(f"{host} sends on to an address that is not https") from None
        with answer:
            if answer.status_code in (401, 403):
                hint = f"put a token into {TOKENS[host]}" if host in TOKENS else ""
                raise SpriteLoraError(f"{host} refuses the file: HTTP status {answer.status_code}", hint)
            if answer.status_code >= 400 and answer.status_code not in (416, 429) and answer.status_code < 500:
                raise SpriteLoraError(f"{host} does not have the file: HTTP status {answer.status_code}")
            yield answer


def download(url: str, folder: Path, expected: WeightFile | None = None) -> WeightFile:
    """Fetch the file at `url` into `folder`, named by its SHA-256 and `.safetensors`. Returns size and hash.

    `expected`: what it must be; then what an earlier process left is gone on with. One process at a time fetches, the
    others wait for it. Raises SpriteLoraError where it cannot be had whole, or is another file.
    """
    part = folder / f"{expected.sha256 if expected else sha256_text(url)}.part"
    with FileLock(f"{part}.lock"):
        if expected and (folder / f"{expected.sha256}.safetensors").is_file():
            return expected  # another process was quicker
        if expected is None:
            part.unlink(missing_ok=True)
        try:
            _Transfer(url, part, expected).run()
            found = WeightFile(size=part.stat().st_size, sha256=sha256(part))
        except OSError as error:
            raise SpriteLoraError(
                f"{part} cannot be written: {error.strerror}", "HF_HOME names a disk with room"
            ) from None
        if expected and found != expected:
            part.unlink()
            host = urlsplit(url).hostname
            raise SpriteLoraError(f"{host} gave another file than the list names by its SHA-256", "nothing was kept")
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(folder / f"{found.sha256}.safetensors")
        return found


class _Transfer:
    """One file on its way to `part`, in as many attempts as it takes."""

    def __init__(self, url: str, part: Path, expected: WeightFile | None) -> None:
        self._url, self._part, self._expected = url, part, expected
        self._host = urlsplit(url).hostname
        self._limit = expected.size if expected else LARGEST
        self._version = ""  # the ETag, without which two answers may be parts of two files

    def run(self) -> None:
        """Until the file is whole. Raises SpriteLoraError where several attempts in a row bring nothing."""
        vain = 0
        while True:
            before = self._size()
            try:
                if self._attempt(before):
                    return
                said = "the file ended early"
            except requests.RequestException as error:
                said = type(error).__name__
            vain = 0 if self._size() > before else vain + 1
            if vain > len(PAUSES):
                raise SpriteLoraError(f"{self._host}: the file cannot be fetched: {said}", "again: it goes on")
            if vain:
                time.sleep(PAUSES[vain - 1])

    def _size(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _attempt(self, have: int) -> bool:
        """Fetch what is missing after `have` bytes. Returns whether the file is whole."""
        if self._expected and have == self._expected.size:
            return True
        if not self._expected and not self._version:
            have = 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        if have and not self._expected:
            headers["If-Range"] = self._version
        with opened(self._url, headers) as answer:
            if answer.status_code == 416:
                self._part.unlink()
                return False
            answer.raise_for_status()
            goes_on = have > 0 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            have = have if goes_on and answer.status_code == 206 else 0
            self._version = "" if answer.headers.get("ETag", "W/").startswith("W/") else answer.headers["ETag"]
            length = answer.headers.get("Content-Length", "")
            total = have + int(length) if length.isdecimal() else None
            self._require_within(total or 0)
            written = self._write(answer, have, total)
        whole = self._expected.size if self._expected else total
        return whole is None or written == whole

    def _write(self, answer: requests.Response, have: int, total: int | None) -> int:
        """Append the answer's body to the part, from byte `have`. Returns the part's size then."""
        with (
            self._part.open("rb+" if have else "wb") as file,
            tqdm(initial=have, total=total, desc=self._host, unit="B", unit_scale=True, disable=None) as bar,
        ):
            file.seek(have)
            for chunk in answer.iter_content(CHUNK):
                self._require_within(file.tell() + len(chunk))
                file.write(chunk)
                bar.update(len(chunk))
            return file.tell()

    def _require_within(self, size: int) -> None:
        if size > self._limit:
            self._part.unlink(missing_ok=True)
            raise SpriteLoraError(
                f"{self._host} gives more than {self._limit:,} bytes", "it is not the file of the list"
            )
