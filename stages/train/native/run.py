"""One training run put together: pictures, network, optimizer; and its step."""

import math
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from sprite_lora.bases.base_model import BaseModel
from sprite_lora.bases.schedule import noise_schedule
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.kohya.network_args import LYCORIS, lycoris_args
from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.adapter import Network
from sprite_lora.lora.checkpoints import saved_checkpoints
from sprite_lora.lora.lycoris import LycorisNetwork, Ranks
from sprite_lora.lora.network import LoRANetwork, ranks_for
from stages.train.faults import Interruption, StopRequestedError, check_finite
from stages.train.native import objective
from stages.train.native.batch import BatchPlan, Posterior, epoch_batches, step_batches, training_caption
from stages.train.native.gradients import (
    Batch,
    Model,
    add_gradients,
    set_attention,
    set_gradient_checkpointing,
    with_cached_texts,
)
from stages.train.native.half import allow_half_gradients, load_exactly, weights_dtype
from stages.train.native.objective import loss_weights
from stages.train.native.optimizer import (
    least_factor,
    make_optimizer,
    parameter_groups,
    rate_factor,
    scale_down,
    used_rates,
    warmup_steps,
)
from stages.train.native.precision import Precision
from stages.train.native.resize import Sizes
from stages.train.state import Progress


@dataclass(frozen=True)
class Picture:
    """One training or regularisation picture."""

    stem: str
    caption: str
    posterior: Posterior
    weight: float
    """Of its loss: 1, or prior_loss_weight."""
    sizes: Sizes | None = None
    """What SDXL is told of a picture that was resized; None for one of the training's size."""


class Run:
    """A network in training on a base model, in one process of `accelerator.num_processes`."""

    def __init__(
        self,
        params: Train,
        base: BaseModel,
        pictures: list[Picture],
        plan: BatchPlan,
        resolution: int,
        accelerator: Any,
        pool: ThreadPoolExecutor | None,
    ) -> None:
        """`pool`: from `gradients.side_by_side`; None computes a batch in one part."""
        self.params, self.base, self.pictures, self.plan = params, base, pictures, plan
        self.accelerator, self.pool = accelerator, pool
        self.precision = Precision(params.mixed_precision, accelerator.device)
        self.progress = Progress()
        self.checkpoints = {saved.step: saved for saved in saved_checkpoints(params, plan.steps_per_epoch)}
        """By the step after which each is saved."""
        self.drawn: dict[int, torch.Tensor] = {}
        """cache_latents: a picture's latent by the picture's `id`."""
        self.alphas, self.snr = noise_schedule(base.scheduler, params.zero_terminal_snr)
        self.network = make_network(base, params)
        self.network.to(accelerator.device, weights_dtype(params)).train().requires_grad_(False)
        if params.full_fp16 and self.precision.scaler:
            allow_half_gradients(self.precision.scaler)
        groups = parameter_groups(self.network, params)
        for weight in (weight for group in groups for weight in group["params"]):
            weight.requires_grad_(True)
        trains_text = any(group["name"].startswith("textencoder") for group in groups)
        self.optimizer = make_optimizer(groups, params)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        set_attention(base.unet, params.xformers, params.sdpa)
        if params.gradient_checkpointing:
            set_gradient_checkpointing(base, trains_text)
        self.network.apply_to_base()
        self.model = Model(base, self.network, params, resolution, trains_text, self.precision.autocast)
        if params.cache_text_encoder_outputs:
            self.model = with_cached_texts(self.model, [picture.caption for picture in pictures])

    @property
    def skipped(self) -> int:
        """Steps that an overflow in fp16 left out."""
        return self.progress.step - self.progress.schedule_step

    def parts(self) -> dict[str, Any]:
        """State dicts of all that a step changes."""
        parts = {"network": self.network.training_state(), "optimizer": self.optimizer.state_dict()}
        scaler = self.precision.scaler
        return {**parts, "scaler": scaler.state_dict()} if scaler else parts

    def restore(self, progress: Progress, parts: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.progress = progress
        self.network.load_training_state(parts["network"])
        load_exactly(self.optimizer, parts["optimizer"])
        if self.precision.scaler:
            self.precision.scaler.load_state_dict(parts["scaler"])

    def step(self, interruption: Interruption) -> None:
        """The next optimizer step; its loss and rates become a row of `progress`, without a loss where none is finite.

        Raises SpriteLoraError where the loss or a gradient is not finite, before any weight changes, and
        StopRequestedError between two batches. In fp16 such a step is left out, and only many in a row raise.
        """
        epoch, step = divmod(self.progress.step, self.plan.steps_per_epoch)
        self._set_rates()
        batches = epoch_batches(self.plan, self.params.seed, epoch)
        losses: list[float] = []
        captions: list[str] = []
        for numbers in step_batches(self.plan, step):
            self._stop_if_asked(interruption)
            own = numbers[self.accelerator.process_index]
            pictures = [self.pictures[index] for index in batches[own]]
            batch = self.batch(pictures, epoch * self.plan.batches_per_epoch + own)
            loss = add_gradients(self.model, batch, self.precision.factor(self.plan.accumulation), self.pool)
            losses.append(self._mean(loss).item())
            captions += batch.captions
            if not self.precision.scaler:
                self._check("the loss", losses[-1], captions)
        self._change_weights(captions)
        self.progress.step += 1
        finite = [loss for loss in losses if math.isfinite(loss)]
        mean = {"loss": sum(finite) / len(finite)} if finite else {}
        self.progress.rows.append({**mean, **used_rates(self.optimizer)})

    def batch(self, pictures: list[Picture], number: int) -> Batch:
        """The pictures as they are seen in batch `number` of the whole run.

        All that is random in it is a function of (seed, number).
        """
        params, seed, device = self.params, self.params.seed, self.accelerator.device
        self.network.set_step(number)
        epoch = number // self.plan.batches_per_epoch + 1
        latents = self._latents(pictures, number)
        drawn = objective.batch_noise(latents, params, number)
        first, end = objective.timestep_range(params, len(self.alphas))
        timesteps = objective.batch_timesteps(len(pictures), end, seed, number, first)
        alphas = self.alphas[timesteps]
        own = torch.tensor([picture.weight for picture in pictures])
        velocity = params.v_parameterization
        thresholds = objective.huber_thresholds(params, timesteps, self.alphas)
        return Batch(
            captions=[
                training_caption(picture.caption, params, epoch, number, place)
                for place, picture in enumerate(pictures)
            ],
            noisy=objective.add_noise(latents, objective.perturbed(drawn, params, number), alphas).to(device),
            target=(objective.velocity(latents, drawn, alphas) if velocity else drawn).to(device),
            timesteps=timesteps.to(device),
            weights=loss_weights(
                own,
                self.snr[timesteps],
                params.min_snr_gamma,
                velocity,
                params.scale_v_pred_loss_like_noise_pred,
                params.debiased_estimation_loss,
            ).to(device),
            sizes=self._sizes(pictures),
            thresholds=None if thresholds is None else thresholds.to(device),
        )

    def _latents(self, pictures: list[Picture], number: int) -> torch.Tensor:
        """(B, C, h, w), scaled. cache_latents: one draw per picture for the whole run, as kohya's cache keeps it."""
        seed = self.params.seed
        if not self.params.cache_latents:
            places = enumerate(pictures)
            drawn = [picture.posterior.draw(seed, number, place) for place, picture in places]
            return torch.stack(drawn) * self.base.latent_scale
        for picture in pictures:
            if id(picture) not in self.drawn:
                self.drawn[id(picture)] = picture.posterior.draw(seed, picture.stem)
        return torch.stack([self.drawn[id(picture)] for picture in pictures]) * self.base.latent_scale

    def _sizes(self, pictures: list[Picture]) -> torch.Tensor | None:
        """(B, 6): what SDXL is told of each picture; None where all have the training's size."""
        if all(picture.sizes is None for picture in pictures):
            return None
        side = self.model.resolution
        whole = (side, side, 0, 0, side, side)
        return torch.tensor([picture.sizes or whole for picture in pictures], device=self.accelerator.device)

    def _set_rates(self) -> None:
        params, steps = self.params, self.plan.steps
        warmup = warmup_steps(params.lr_warmup_steps, steps)
        shape = (params.lr_scheduler_num_cycles, params.lr_scheduler_power, least_factor(params))
        factor = rate_factor(params.lr_scheduler, self.progress.schedule_step, steps, warmup, *shape)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            if rate is not None:
                group["lr"] = rate * factor

    def _change_weights(self, captions: list[str]) -> None:
        """Clip, check and step. fp16's scaler leaves a step out where a gradient overflowed, and the schedule waits."""
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        if self.accelerator.num_processes > 1:  # module_dropout leaves out others in each process
            for weight in weights:
                weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        if self.accelerator.num_processes > 1:
            means = self._mean(torch.cat([gradient.flatten() for gradient in gradients]))
            parts = torch.split(means, [gradient.numel() for gradient in gradients])
            for gradient, part in zip(gradients, parts, strict=True):
                gradient.copy_(part.view_as(gradient))
        self.precision.unscale(self.optimizer)
        norm = get_total_norm(gradients)
        if not self.precision.scaler:
            self._check("the gradients' norm", norm.item(), captions)
        if self.params.max_grad_norm:
            clip_grads_with_norm_(weights, self.params.max_grad_norm, norm)
        if self.precision.step(self.optimizer):
            self.progress.schedule_step += 1
        elif self.precision.collapsed:
            self._check("the gradients' norm", float("nan"), captions)
        self.optimizer.zero_grad(set_to_none=True)
        if self.params.scale_weight_norms is not None:
            scale_down(self.network.loras, self.params.scale_weight_norms)

    def _mean(self, value: torch.Tensor) -> torch.Tensor:
        """Over all processes."""
        if self.accelerator.num_processes == 1:
            return value
        reduced: torch.Tensor = self.accelerator.reduce(value, reduction="mean")
        return reduced

    def _stop_if_asked(self, interruption: Interruption) -> None:
        """Raise StopRequestedError in all processes at the same batch, if a signal has come to any."""
        asked = bool(interruption.number)
        if self.accelerator.num_processes > 1:
            asked = self._mean(torch.tensor(float(asked), device=self.accelerator.device)).item() > 0
        if asked:
            raise StopRequestedError(interruption.number or signal.SIGTERM)

    def _check(self, what: str, value: float, captions: list[str]) -> None:
        rate = max(used_rates(self.optimizer).values()) if self.rates[0] is not None else 0.0
        check_finite(what, value, self.progress.step + 1, captions, rate, self.params)


def make_network(base: BaseModel, params: Train) -> Network:
    """The network of `network_module`, at its start. Raises SpriteLoraError where base and params disagree."""
    check_prediction(base, params)
    module_dropout = params.module_dropout or 0.0
    text_encoder, unet = not params.network_train_unet_only, not params.network_train_text_encoder_only
    own = (params.network_dim, params.network_alpha, params.conv_dim, params.conv_alpha, text_encoder, unet)
    if params.network_module == LYCORIS:
        args = lycoris_args(params.network_args)
        return LycorisNetwork.create(base, args, Ranks(*own), params.seed, module_dropout)
    dropout, rank_dropout = params.network_dropout or 0.0, params.rank_dropout or 0.0
    return LoRANetwork(base, ranks_for(base, *own), params.seed, dropout, rank_dropout, module_dropout)


def check_prediction(base: BaseModel, params: Train) -> None:
    """Raise SpriteLoraError where the base predicts the velocity and the params say otherwise."""
    if base.scheduler.get("prediction_type") == "v_prediction" and not params.v_parameterization:
        raise SpriteLoraError(
            "train.v_parameterization is false, but the base model predicts the velocity",
            "its scheduler_config.json says prediction_type v_prediction; set v_parameterization: true",
        )
