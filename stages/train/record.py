"""What a run is made from, with one fingerprint of it, and the files that it leaves."""

from collections.abc import Sequence
from typing import Any

from sprite_lora.bases.autoencoder import vae_hash
from sprite_lora.bases.registry import chosen_code as chosen_family
from sprite_lora.core.code import code_hash
from sprite_lora.core.files import sha256_tree
from sprite_lora.core.params import Paths
from sprite_lora.core.record import base_hash, stamped
from sprite_lora.dataset.manifest import Manifest
from sprite_lora.dataset.regularisation import Regular, read_regularisation
from sprite_lora.kohya import steps
from sprite_lora.kohya.backends import chosen_code as chosen_backend
from sprite_lora.kohya.backends import load_backend
from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.checkpoints import saved_checkpoints
from sprite_lora.lora.start import start_hash


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
            "network_weights": start_hash(paths.network_weights),
            "vae": vae_hash(paths.vae),
            "code": code_hash("train", [*chosen_backend(params.backend), *chosen_family(paths.base)]),
            **load_backend(params.backend).facts(params),
        }
    )


def checkpoint_names(params: Train, manifest: Manifest, paths: Paths) -> list[str]:
    """File names of all checkpoints that the run leaves."""
    steps = steps_per_epoch(params, manifest, read_regularisation(paths.regularisation))
    return [saved.name for saved in saved_checkpoints(params, steps)]


def steps_per_epoch(params: Train, manifest: Manifest, regularisation: Sequence[Regular]) -> int:
    """Optimizer steps in which each picture is seen as often as it is repeated."""
    training = len(manifest.items) * manifest.num_repeats
    uses = training + sum(steps.regularisation_uses(training, [picture.repeats for picture in regularisation]))
    return steps.steps_per_epoch(
        uses, params.train_batch_size, params.num_processes, params.gradient_accumulation_steps
    )
