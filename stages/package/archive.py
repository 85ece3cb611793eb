"""A zip of the dataset, for upload: same inputs, same bytes."""

import zipfile
from pathlib import Path

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import replacing
from sprite_lora.dataset.manifest import MANIFEST, Manifest, unsafe
from stages.package.folder import SUFFIXES, verify_counts

DATE = (1980, 1, 1, 0, 0, 0)
"""The format's earliest: no clock in the bytes."""


def write_zip(archive: Path, dataset: Path, manifest: Manifest) -> None:
    """Write pictures, captions and manifest, sorted, stored as they are (a compressor's version would change bytes).

    Raises SpriteLoraError for names that unpack elsewhere or not at all on another system.
    """
    for item in manifest.items:
        if reason := unsafe(item.stem):
            raise SpriteLoraError(f"{dataset / MANIFEST}: the name {item.stem!r} {reason}", "rename sprite and caption")
    verify_counts(dataset, manifest)
    names = sorted(f"{manifest.folder}/{item.stem}{suffix}" for item in manifest.items for suffix in SUFFIXES)
    with replacing(archive) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as file:
        for name in [*names, MANIFEST]:
            entry = zipfile.ZipInfo(name, DATE)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            file.writestr(entry, (dataset / name).read_bytes())
