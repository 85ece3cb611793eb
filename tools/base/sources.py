"""What the list of a base model is made from: a hub's repository, an address, or files of this machine."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import requests

from sprite_lora.bases.download import TIMEOUT, download, opened
from sprite_lora.bases.fetch import cache, from_hub, keep, kept
from sprite_lora.bases.whole import SMALL
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import read_bounded, sha256
from sprite_lora.core.header import header_length, read_header
from sprite_lora.core.record import own_files
from sprite_lora.core.weight_list import LARGEST, HubSource, Source, UrlSource, WeightFile, url_problem
from tools.base.choose import INDEX, choose

FIRST = 512 * 1024
"""Bytes that are asked for first: most headers are shorter."""

MOST = 100
"""Small files of a model; SDXL has 20."""

Ask = Callable[[dict[str, str]], AbstractContextManager[requests.Response]]
"""Request a file with these headers."""


Described = tuple[WeightFile, bytes]
"""Size and SHA-256 of a weight file, and its header as it stands there."""


@dataclass(frozen=True)
class Found:
    """All that a model's folder will hold."""

    source: Source
    small: dict[str, bytes]
    """File to its content."""
    weights: dict[str, Described]


def from_repository(repo: str, revision: str | None) -> Found:
    """A diffusers model in a hub's repository. Weights are not fetched, where the hub states their SHA-256.

    Raises SpriteLoraError where the repository cannot be had, or holds no such model.
    """
    source, files = _listing(repo, revision)
    if INDEX not in files:
        raise SpriteLoraError(
            f"{repo}: no {INDEX}, so no diffusers model", "one .safetensors file in it: --url, its address"
        )
    choice = choose(files, _object(read_bounded(from_hub(source, INDEX), SMALL), f"{repo}: {INDEX}"))
    if len(choice.small) > MOST:
        raise SpriteLoraError(f"{repo}: {len(choice.small)} small files; a base model has at most {MOST}")
    for name in choice.small:
        if (size := files[name].size) is not None and size > SMALL:
            raise SpriteLoraError(f"{repo}: {name} has {size:,} bytes; such a file has at most {SMALL:,}")
    small = {name: read_bounded(from_hub(source, name), SMALL) for name in choice.small}
    return Found(source, small, {name: _in_repository(source, name, files[name]) for name in choice.weights})


def _in_repository(source: HubSource, name: str, file: Any) -> Described:
    """A weight file as the hub states it; fetched where the hub does not state its SHA-256 or gives no parts of it."""
    if file.lfs is not None:
        try:
            head = read_head(name, partial(_ask, source, name))
        except requests.RequestException as error:
            raise SpriteLoraError(f"{source.repo}: {name}: cannot be read: {type(error).__name__}") from None
        if head and head[1] != file.lfs.size:
            raise SpriteLoraError(f"{source.repo}: {name}: the hub states two sizes of it", "again later")
        if head:
            return WeightFile(size=file.lfs.size, sha256=file.lfs.sha256), head[0]
    return _described(from_hub(source, name))


def from_address(url: str, stated: str | None, name: str) -> Found:
    """One .safetensors file at an address. It is fetched, unless its SHA-256 is `stated` and a part can be asked for.

    Raises SpriteLoraError where it cannot be had, or is none.
    """
    if problem := url_problem(url):
        raise SpriteLoraError(f"--url {problem}", "a token of civitai.com: CIVITAI_API_TOKEN")
    source, file = UrlSource(url=url), f"{name}.safetensors"
    if stated:
        WeightFile(size=LARGEST, sha256=stated)  # is it one?
        try:
            head = read_head(file, partial(opened, url))
        except requests.RequestException as error:
            raise SpriteLoraError(f"--url cannot be reached: {type(error).__name__}", "again later") from None
        if head:
            return Found(source, {}, {file: (WeightFile(size=head[1], sha256=stated), head[0])})
    fetched = download(url, cache("weights"))
    if stated and fetched.sha256 != stated:
        kept(fetched.sha256).unlink()
        raise SpriteLoraError(f"--url gave a file with SHA-256 {fetched.sha256}, not {stated}", "nothing was kept")
    return Found(source, {}, {file: _described(kept(fetched.sha256), fetched)})


def from_files(place: Path, name: str) -> Found:
    """A diffusers folder or one .safetensors file of this machine, whose weights go into its cache.

    Raises SpriteLoraError where it is none.
    """
    small: dict[str, bytes] = {}
    at = {f"{name}.safetensors": place}
    if place.is_dir():
        choice = choose(own_files(place), _object(read_bounded(place / INDEX, SMALL), f"{place / INDEX}"))
        small = {one: read_bounded(place / one, SMALL) for one in choice.small}
        at = {one: place / one for one in choice.weights}
    weights = {one: _described(path) for one, path in at.items()}
    for one, path in at.items():
        keep(path, weights[one][0].sha256)
    return Found(None, small, weights)


def read_head(name: str, ask: Ask) -> tuple[bytes, int] | None:
    """The header of a safetensors file and the file's size in bytes, of which no more is fetched.

    None where the server gives no parts of files. Raises SpriteLoraError for another kind of file.
    """
    with ask({"Range": f"bytes=0-{FIRST - 1}"}) as answer:
        size = answer.headers.get("Content-Range", "").rpartition("/")[2]
        if answer.status_code != 206 or not size.isdecimal():
            return None
        begin = _read(answer, FIRST)
    length = header_length(Path(name), begin[:32], int(size))
    if 8 + length > len(begin):
        with ask({"Range": f"bytes={len(begin)}-{7 + length}"}) as answer:
            if answer.status_code != 206:
                return None
            begin += _read(answer, 8 + length - len(begin))
    return begin[8 : 8 + length], int(size)


def _read(answer: requests.Response, limit: int) -> bytes:
    content = b""
    for chunk in answer.iter_content(1 << 16):
        content += chunk
        if len(content) >= limit:
            break
    return content[:limit]


def _described(path: Path, known: WeightFile | None = None) -> tuple[WeightFile, bytes]:
    """Size, SHA-256 and header of a file that lies here."""
    header = read_header(path)
    with path.open("rb") as file:
        file.seek(8)
        raw = file.read(header.data_start - 8)
    return known or WeightFile(size=header.size, sha256=sha256(path)), raw


def _listing(repo: str, revision: str | None) -> tuple[HubSource, dict[str, Any]]:
    """The repository at its commit, and its files: name to huggingface_hub's RepoSibling."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    try:
        info = HfApi().model_info(repo, revision=revision, files_metadata=True)
    except HFValidationError:
        raise SpriteLoraError(f"{repo}: no name of a repository", "OWNER/NAME") from None
    except OfflineModeIsEnabled:
        raise SpriteLoraError("HF_HUB_OFFLINE is set, and a hub must be asked", "without it; or --from PLACE") from None
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "unknown"
        raise SpriteLoraError(
            f"{repo}{f' at {revision}' if revision else ''}: the hub answers with HTTP status {status}",
            "401 and 404: no such repository or revision, or a private one, for which HF_TOKEN is needed",
        ) from None
    except requests.RequestException as error:
        raise SpriteLoraError(
            f"{repo}: the hub cannot be reached: {type(error).__name__}", "or: --from PLACE"
        ) from None
    return HubSource(repo=repo, revision=str(info.sha)), {file.rfilename: file for file in info.siblings or ()}


def _ask(source: HubSource, name: str, headers: dict[str, str]) -> requests.Response:
    from huggingface_hub import get_session, hf_hub_url
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    url = hf_hub_url(source.repo, name, revision=source.revision)
    answer: requests.Response = get_session().get(
        url, headers={**build_hf_headers(), "Accept-Encoding": "identity", **headers}, stream=True, timeout=TIMEOUT
    )
    return answer


def _object(content: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise SpriteLoraError(f"{what} is no JSON object")
    return found
