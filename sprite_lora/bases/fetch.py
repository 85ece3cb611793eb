"""Weights in this machine's cache: found there, or fetched from where their list says. No torch here."""

import os
import shutil
from pathlib import Path

from sprite_lora.bases.download import download, is_offline
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.weight_list import HubSource, UrlSource, WeightList


def cache(kind: str) -> Path:
    """A folder of ours in the cache, among huggingface_hub's assets: `HF_HOME` moves it to another disk."""
    from huggingface_hub import cached_assets_path, constants

    place: Path = cached_assets_path("sprite-lora", kind, "files", assets_dir=constants.HF_ASSETS_CACHE)
    return place


def kept(sha256: str) -> Path:
    """Where the cache has a weight file that comes from no hub."""
    return cache("weights") / f"{sha256}.safetensors"


def located(listed: WeightList, name: str) -> Path | None:
    """A weight file in this machine's cache, its bytes not verified yet; None where it is not there."""
    from huggingface_hub import constants, try_to_load_from_cache

    ours = kept(listed.files[name].sha256)
    if ours.is_file() or not isinstance(listed.source, HubSource):
        return ours if ours.is_file() else None
    source = listed.source
    found = try_to_load_from_cache(source.repo, name, cache_dir=constants.HF_HUB_CACHE, revision=source.revision)
    return Path(found) if isinstance(found, str) else None


def fetch(base: Path, listed: WeightList, name: str, again: bool = False) -> Path:
    """Fetch a weight file into the cache, from where the list says. Returns its place there; not verified yet.

    `base`: the folder of the list, for messages. `again`: in place of what the cache has. Raises SpriteLoraError.
    """
    file = listed.files[name]
    if is_offline() and listed.source is not None:
        raise SpriteLoraError(
            f"{base}: {name} is not in this machine's cache, and HF_HUB_OFFLINE forbids to fetch it",
            f"without that: sprite-lora base fetch {base.name}; or, from a disk: --from PLACE",
        )
    if again:
        kept(file.sha256).unlink(missing_ok=True)
    if isinstance(listed.source, HubSource):
        return from_hub(listed.source, name, again)
    if isinstance(listed.source, UrlSource):
        download(listed.source.url, cache("weights"), file)
        return kept(file.sha256)
    raise SpriteLoraError(
        f"{base}: {name} is not in this machine's cache, and its list names no place to fetch it from",
        f"bring the file here by hand, then: sprite-lora base fetch {base.name} --from PLACE",
    )


def keep(file: Path, sha256: str) -> Path:
    """Put a file into the cache, without a copy where both lie on one disk. Returns its place there."""
    place = kept(sha256)
    temporary = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        try:
            os.link(file.resolve(), temporary)
        except OSError:  # another disk, or another user's file
            shutil.copyfile(file, temporary)
        temporary.replace(place)
    except OSError as error:
        raise SpriteLoraError(
            f"{place} cannot be written: {error.strerror}", "HF_HOME names a disk with room"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)  # it stays where it is a second name of what was there
    return place


def from_hub(source: HubSource, name: str, again: bool = False) -> Path:
    """A file of a hub's repository, fetched into the hub's own cache. Raises SpriteLoraError where it can't be had."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )
    from requests import RequestException

    what = f"{source.repo} at {source.revision[:12]}: {name}"
    try:
        return Path(hf_hub_download(source.repo, name, revision=source.revision, force_download=again))
    except GatedRepoError:
        raise SpriteLoraError(
            f"{what}: only those who accepted its terms may fetch it",
            "accept them on its page, then put a token into HF_TOKEN",
        ) from None
    except RepositoryNotFoundError:
        raise SpriteLoraError(
            f"{what}: there is no such repository, or it is private", "for a private one: HF_TOKEN"
        ) from None
    except (RevisionNotFoundError, EntryNotFoundError) as error:
        if isinstance(error, LocalEntryNotFoundError):
            raise _not_reached(what) from None
        raise SpriteLoraError(f"{what}: the repository does not have it") from None
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "unknown"
        raise SpriteLoraError(f"{what}: the hub answers with HTTP status {status}", "again later") from None
    except RequestException:
        raise _not_reached(what) from None
    except OSError as error:
        raise SpriteLoraError(
            f"{what}: {error.strerror or 'what came is not whole'}", "HF_HOME names a disk with room"
        ) from None


def _not_reached(what: str) -> SpriteLoraError:
    return SpriteLoraError(
        f"{what}: the hub cannot be reached, and the file is not in this machine's cache",
        "again with a connection; or, from a disk: sprite-lora base fetch NAME --from PLACE",
    )
