"""sd-scripts' own training on given batches: the other half of `benchmarks.train_parity`, which starts it.

    PYTHONPATH=CHECKOUT PYTHON train_parity_kohya.py FOLDER

PYTHON is that of sd-scripts' environment; nothing of this project is imported. FOLDER holds `settings.json` (its
command line, the captions of each batch) and `inputs.safetensors`; `outputs.safetensors` is written there. All but
the batches is `NetworkTrainer.train`: its loader of base models, its network, loss, optimizer, schedule and file.
"""

import json
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from library import strategy_base, train_util  # type: ignore[import-not-found]
from safetensors.torch import load_file, save_file
from train_network import NetworkTrainer, setup_parser  # type: ignore[import-not-found]


class GivenBatches(NetworkTrainer):  # type: ignore[misc]
    """Sees given latents, captions, noise and timesteps in place of its data set's and its own draws."""

    def __init__(self, batches: dict[str, torch.Tensor], captions: list[list[str]]) -> None:
        super().__init__()
        self.batches, self.captions = batches, captions
        self.losses: list[float] = []
        self.gradients: dict[str, torch.Tensor] = {}
        """Of the first batch, before clipping."""

    def process_batch(self, batch: dict[str, Any], *others: Any, **options: Any) -> torch.Tensor:
        number = len(self.losses)
        latents, noise, timesteps = (self.batches[name][number] for name in ("latents", "noise", "timesteps"))
        captions = self.captions[number]
        given = {
            "images": None,
            "latents": latents,
            "captions": captions,
            "input_ids_list": strategy_base.TokenizeStrategy.get_strategy().tokenize(captions),
            "loss_weights": torch.ones(len(captions)),
        }
        with (
            mock.patch("torch.randn_like", side_effect=[noise]),
            mock.patch.object(train_util, "get_timesteps", side_effect=[timesteps]),
        ):
            loss: torch.Tensor = super().process_batch({**batch, **given}, *others, **options)
        self.losses.append(loss.item())
        return loss

    def all_reduce_network(self, accelerator: Any, network: Any) -> None:
        """Called between the backward pass and the clipping of gradients."""
        if not self.gradients:
            named = network.named_parameters()
            self.gradients = {name: weight.grad.clone() for name, weight in named if weight.grad is not None}
        super().all_reduce_network(accelerator, network)


def main() -> None:
    folder = Path(sys.argv[1])
    settings = json.loads((folder / "settings.json").read_text())
    torch.set_num_threads(settings["threads"])
    trainer = GivenBatches(load_file(folder / "inputs.safetensors"), settings["captions"])
    trainer.train(setup_parser().parse_args(settings["arguments"]))
    gradients = {f"gradient.{name}": tensor for name, tensor in trainer.gradients.items()}
    save_file({"losses": torch.tensor(trainer.losses), **gradients}, folder / "outputs.safetensors")


if __name__ == "__main__":
    main()
