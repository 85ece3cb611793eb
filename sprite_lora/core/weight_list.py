"""weights.json: in the folder of a base model, what stands for weights that lie in each machine's cache.

The folder holds the model's small files as they are. In the place of each weight file lies its header, as JSON: the
name of the file and `.header.json`. weights.json says where the weights come from, and size and SHA-256 of each.
`sprite-lora base add` writes such a folder. Git and DVC keep it, so the weights themselves are never in it.
"""

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field, StrictInt, ValidationError, model_validator

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import irregular, read_bounded
from sprite_lora.core.header import READ_LIMIT, Header, parse_header
from sprite_lora.core.params import Strict

LIST = "weights.json"

HEADER = ".header.json"
"""How the name of a header ends; before it stands the name of the weight file, `model.safetensors` for instance."""

LONGEST = 256 * 1024
"""Bytes of a weights.json; one of SDXL has 1,000."""

LARGEST = 200 * 10**9
"""Bytes of a weight file: ten times the largest of any base model that is taken."""

HINT = "`sprite-lora base add` writes it; bring it back with git checkout"

SECRET = re.compile(r"token|key|sig|secret|passw|auth|credential", re.IGNORECASE)
"""Names in an address's query whose values may be secrets: a list that people exchange holds none."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def url_problem(url: str) -> str:
    """Why a file is not fetched from an address; empty where nothing speaks against it. It repeats no part of it."""
    try:
        parts = urlsplit(url)
        host, _, named = parts.hostname, parts.port, parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return "is no address"
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url or not host:
        return "is no address"
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
        return "is not https"
    if parts.username is not None or parts.password is not None:
        return "holds a user or a password: they come from the environment"
    if any(SECRET.search(name) for name, _ in named):
        return "holds a token, key or signature: it comes from the environment"
    return ""


def _address(url: str) -> str:
    if problem := url_problem(url):
        raise ValueError(f"the address {problem}")
    return url


class HubSource(Strict):
    """A repository of a model hub at one commit."""

    repo: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9][A-Za-z0-9_.-]{0,95}$")
    revision: str = Field(pattern=r"^[0-9a-f]{40}$", description="the commit")


class UrlSource(Strict):
    """One file at an address."""

    url: Annotated[str, Field(max_length=2000), AfterValidator(_address)]


Source = HubSource | UrlSource | None
"""Where weights come from; None: from files that a person puts into each machine's cache."""


class WeightFile(Strict):
    """One weight file."""

    size: StrictInt = Field(ge=10, le=LARGEST, description="bytes")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


Name = Annotated[
    str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9_]{0,63}/)?[A-Za-z0-9][A-Za-z0-9_.-]{0,180}\.safetensors$")
]
"""Of a weight file from the model's folder: at most one folder deep, nothing hidden, no pickle."""


class WeightList(Strict):
    """What a weights.json holds."""

    source: Source
    files: dict[Name, WeightFile] = Field(min_length=1, max_length=64)

    @model_validator(mode="after")
    def one_model(self) -> "WeightList":
        """A file that lies in no folder is a whole model by itself."""
        if len(self.files) > 1 and any("/" not in name for name in self.files):
            raise ValueError("a file in no folder of the model is a whole model, and there are others beside it")
        if isinstance(self.source, UrlSource) and self.single is None:
            raise ValueError("an address is that of one file, which lies in no folder")
        return self

    @property
    def single(self) -> str | None:
        """Name of the file where the model is a single one; None for a diffusers folder."""
        (name, *_) = self.files
        return None if "/" in name else name


def read_list(base: Path) -> WeightList | None:
    """The list of weights in the folder of a base model; None where there is none: the model itself lies there.

    Raises SpriteLoraError for a list that is none, and where weights lie beside it.
    """
    path = base / LIST
    if irregular(path) == "does not exist" or not base.is_dir():
        return None
    try:
        found = WeightList.model_validate_json(read_bounded(path, LONGEST))
    except ValidationError as error:
        detail = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(ascii(part)[1:-1][:80] if isinstance(part, str) else str(part) for part in detail["loc"])
        raise SpriteLoraError(f"{path}: {where + ': ' if where else ''}{detail['msg'][:300]}", HINT) from None
    if inside := sorted(base.rglob("*.safetensors")):
        raise SpriteLoraError(
            f"{inside[0]} lies beside {LIST}, which says that weights are in this machine's cache alone",
            f"move the file elsewhere; `sprite-lora base fetch {base.name} --from PLACE` puts it into the cache",
        )
    return found


def listed_header(path: Path) -> Header | None:
    """The header of a weight file that a list names, `path` being where it would lie; None where none names it.

    Raises SpriteLoraError where what lies there is no header of a file of the listed size.
    """
    for folder in path.parents[:2]:
        listed = read_list(folder)
        name = path.relative_to(folder).as_posix()
        if listed and name in listed.files:
            beside = path.with_name(path.name + HEADER)
            return parse_header(beside, read_bounded(beside, READ_LIMIT), listed.files[name].size)
    return None
