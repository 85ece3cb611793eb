"""What a run is made from, with one fingerprint of it, and the files that it leaves."""

from pathlib import Path
from typing import Any

from sprite_lora.bases.autoencoder import vae_hash
from sprite_lora.bases.registry import chosen_code as chosen_family
from sprite_lora.core.code import code_hash
from sprite_lora.core.files import sha256_tree
from sprite_lora.core.params import Paths
from sprite_lora.core.record import base_hash, stamped, versions
from sprite_lora.dataset.manifest import Manifest
from sprite_lora.kohya.backends import chosen_code as chosen_backend
from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.checkpoints import checkpoint_files


def run_record(params: Train, manifest: Manifest, paths: Paths) -> dict[str, Any]:
    """Exactly what the stage depends on, with its fingerprint."""
    package = manifest.model_dump(include={"folder", "name", "num_repeats", "resolution", "art_pixels", "background"})
    return stamped(
        {
            "stage": "train",
            "params": params.model_dump(mode="json"),
            "package": package,
            "captions": manifest.captions_sha256,
            "sprites": manifest.sprites_sha256,
            "regularisation": sha256_tree(paths.regularisation),
            "base": base_hash(paths.base),
            "vae": vae_hash(paths.vae),
            "code": code_hash("train", [*chosen_backend(params.backend), *chosen_family(paths.base)]),
            "versions": versions(),
        }
    )


def checkpoint_names(params: Train) -> list[str]:
    """File names of all checkpoints that the run leaves."""
    files = checkpoint_files(Path(), params.output_name, params.max_train_epochs, params.save_every_n_epochs)
    return [path.name for path in files.values()]
