"""Noise, weights, losses, rates and norms, as sd-scripts computes them."""

import random

import torch
from library import train_util
from networks.lora import LoRAModule, LoRANetwork
from train_network import NetworkTrainer
from values_common import arguments, numbers, recorded, scheduler

TIMESTEPS = [0, 1, 2, 5, 10, 50, 100, 200, 300, 400, 500, 600, 700, 800, 900, 950, 990, 997, 998, 999]


def schedule_values():
    """Betas, cumulative products and SNR."""
    cases = []
    for zero_terminal_snr in (False, True):
        noise = scheduler(zero_terminal_snr)
        cases.append(
            {
                "flags": {"zero_terminal_snr": zero_terminal_snr},
                "timesteps": TIMESTEPS,
                "betas": numbers(noise.betas[TIMESTEPS]),
                "alphas_cumprod": numbers(noise.alphas_cumprod[TIMESTEPS]),
                "snr": numbers(noise.all_snr[TIMESTEPS]),
            }
        )
    return cases


def noise_values():
    """Noise, noisy latents and the velocity of one batch."""
    pyramid = {"multires_noise_iterations": 6, "multires_noise_discount": 0.3}
    flags = [
        {},
        {"noise_offset": 0.1},
        {"noise_offset": 0.05, "adaptive_noise_scale": 0.5},
        {"noise_offset": 0.05, "adaptive_noise_scale": -2.0},
        {"noise_offset": 0.1, "noise_offset_random_strength": True},
        pyramid,
        {"multires_noise_iterations": 2, "multires_noise_discount": 0.8},
        {"noise_offset": 0.1, "adaptive_noise_scale": 0.00357, **pyramid},
        {"ip_noise_gamma": 0.1},
        {"ip_noise_gamma": 0.1, "ip_noise_gamma_random_strength": True, "noise_offset": 0.1},
        {"noise_offset": 0.05, "zero_terminal_snr": True, "min_timestep": 999},
    ]
    latents = torch.randn((2, 2, 5, 4), generator=torch.Generator().manual_seed(3)) * 0.8
    cases = []
    for number, chosen in enumerate(flags):
        args, noise_scheduler = arguments(chosen), scheduler(chosen.get("zero_terminal_snr", False))
        torch.manual_seed(number)
        random.seed(number)
        with recorded("torch.randn_like", "torch.randn", "torch.rand", "random.random") as (
            like,
            normal,
            strength,
            ratio,
        ):
            noise, noisy, timesteps = train_util.get_noise_noisy_latents_and_timesteps(args, noise_scheduler, latents)
        draws = {"noise": like.pop(0)}
        if args.noise_offset_random_strength:
            draws["noise_offset_strength"] = strength.pop(0)
        if args.noise_offset:
            draws["noise_offset"] = normal.pop(0)
        if args.multires_noise_iterations:
            draws["pyramid_uniform"], draws["pyramid"] = ratio, normal
        if args.ip_noise_gamma_random_strength:
            draws["ip_noise_strength"] = strength.pop(0)
        if args.ip_noise_gamma:
            draws["ip_noise"] = like.pop(0)
        assert not like
        assert not strength
        cases.append(
            {
                "flags": chosen,
                "draws": {
                    name: numbers(list(drawn) if isinstance(drawn, list) else drawn) for name, drawn in draws.items()
                },
                "timesteps": timesteps.tolist(),
                "noise": numbers(noise),
                "noisy": numbers(noisy),
            }
        )
        if number in (0, len(flags) - 1):
            cases[-1]["velocity"] = numbers(noise_scheduler.get_velocity(latents, noise, timesteps))
    return {"latents": numbers(latents), "cases": cases}


def timestep_values():
    """What timesteps are drawn: sd-scripts draws from [min_timestep, max_timestep)."""
    cases = []
    for flags in (
        {},
        {"min_timestep": 200, "max_timestep": 210},
        {"min_timestep": 995},
        {"max_timestep": 3},
        {"min_timestep": 500, "max_timestep": 500},
        {"min_timestep": 600, "max_timestep": 500},
    ):
        args = arguments(flags)
        latents = torch.zeros((40_000, 1, 1, 1))
        torch.manual_seed(0)
        drawn = train_util.get_noise_noisy_latents_and_timesteps(args, scheduler(), latents)[2]
        cases.append({"flags": flags, "smallest": drawn.min().item(), "largest": drawn.max().item()})
    return cases


def weight_values():
    """What each timestep's loss is multiplied with."""
    velocity = {"v_parameterization": True}
    flags = [
        {},
        {"min_snr_gamma": 5.0},
        {"min_snr_gamma": 1.0},
        {"min_snr_gamma": 5.0, **velocity},
        {"scale_v_pred_loss_like_noise_pred": True, **velocity},
        {"debiased_estimation_loss": True},
        {"debiased_estimation_loss": True, **velocity},
        {"debiased_estimation_loss": True, "min_snr_gamma": 5.0},
        {"scale_v_pred_loss_like_noise_pred": True, "min_snr_gamma": 5.0, **velocity},
        {"scale_v_pred_loss_like_noise_pred": True, "debiased_estimation_loss": True, **velocity},
        {"zero_terminal_snr": True, "min_snr_gamma": 5.0, **velocity},
        {"zero_terminal_snr": True, "scale_v_pred_loss_like_noise_pred": True, **velocity},
        {"zero_terminal_snr": True, "debiased_estimation_loss": True, **velocity},
    ]
    cases = []
    for chosen in flags:
        steps = torch.tensor(TIMESTEPS)
        noise = scheduler(chosen.get("zero_terminal_snr", False))
        weights = NetworkTrainer.post_process_loss(None, torch.ones(len(TIMESTEPS)), arguments(chosen), steps, noise)
        cases.append({"flags": chosen, "timesteps": TIMESTEPS, "weights": numbers(weights)})
    return cases


def loss_values():
    """The loss of each picture, before weights."""
    make = torch.Generator().manual_seed(5)
    predicted, target = torch.randn((4, 2, 3, 2), generator=make), torch.randn((4, 2, 3, 2), generator=make)
    timesteps = torch.tensor([3, 250, 700, 998])
    flags = [{"loss_type": "l2"}, {"loss_type": "l1"}]
    for kind in ("huber", "smooth_l1"):
        for schedule in ("constant", "exponential", "snr"):
            flags.append({"loss_type": kind, "huber_schedule": schedule})
            flags.append({"loss_type": kind, "huber_schedule": schedule, "huber_c": 0.4, "huber_scale": 0.7})
    flags.append({"loss_type": "huber", "huber_schedule": "snr", "zero_terminal_snr": True})
    cases = []
    for chosen in flags:
        args, noise = arguments(chosen), scheduler(chosen.get("zero_terminal_snr", False))
        threshold = train_util.get_huber_threshold_if_needed(args, timesteps, noise)
        loss = train_util.conditional_loss(predicted, target, args.loss_type, "none", threshold)
        cases.append(
            {
                "flags": chosen,
                "threshold": None if threshold is None else numbers(threshold),
                "losses": numbers(loss.mean(dim=(1, 2, 3))),
            }
        )
    inputs = {"predicted": numbers(predicted), "target": numbers(target), "timesteps": timesteps.tolist()}
    return {**inputs, "cases": cases}


def rate_values():
    """The factor of each part's learning rate at each step."""
    flags = [{"lr_scheduler": "constant", "max_train_steps": 5}]
    for name in ("constant_with_warmup", "linear", "cosine", "polynomial", "cosine_with_min_lr", "inverse_sqrt"):
        for warmup in (0, 7, 0.25) if name != "inverse_sqrt" else (7,):
            flags.append({"lr_scheduler": name, "lr_warmup_steps": warmup})
    for cycles, warmup, steps in ((1, 0, 20), (3, 0, 20), (3, 5, 23), (4, 0.1, 30)):
        restarts = {"lr_scheduler": "cosine_with_restarts", "lr_scheduler_num_cycles": cycles}
        flags.append({**restarts, "lr_warmup_steps": warmup, "max_train_steps": steps})
    flags += [
        {"lr_scheduler": "polynomial", "lr_scheduler_power": 2.0, "lr_warmup_steps": 3},
        {"lr_scheduler": "polynomial", "lr_scheduler_power": 0.5},
        {"lr_scheduler": "polynomial", "lr_scheduler_args": ["lr_end=1e-5"]},
        {"lr_scheduler": "polynomial", "learning_rate": 2e-6},
        {"lr_scheduler": "cosine_with_min_lr", "lr_scheduler_min_lr_ratio": 0.1, "lr_warmup_steps": 4},
        {"lr_scheduler": "cosine_with_min_lr", "lr_scheduler_args": ["min_lr=2e-5"]},
        {"lr_scheduler": "cosine_with_min_lr", "lr_scheduler_args": ["min_lr_rate=0.3"], "lr_warmup_steps": 3},
        {"lr_scheduler": "cosine_with_min_lr", "lr_scheduler_min_lr_ratio": 0.1, "lr_scheduler_num_cycles": 3},
        {"lr_scheduler": "warmup_stable_decay", "lr_warmup_steps": 4, "lr_decay_steps": 8},
        {"lr_scheduler": "warmup_stable_decay", "lr_decay_steps": 0.5, "lr_scheduler_min_lr_ratio": 0.2},
    ]
    cases = []
    for chosen in flags:
        chosen = {"learning_rate": 1e-4, "max_train_steps": 20, **chosen}
        args = arguments(chosen)
        parts = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": part} for part in (1e-3, 5e-4)]
        optimizer = train_util.get_optimizer(args, parts)[2]
        try:
            rates = train_util.get_scheduler_fix(args, optimizer, 1)
        except (TypeError, ValueError) as error:
            cases.append({"flags": chosen, "refused": str(error)})
            continue
        factors = []
        for _ in range(args.max_train_steps + 2):
            one, two = rates.get_last_lr()
            assert abs(one / 1e-3 - two / 5e-4) < 1e-12
            factors.append(one / 1e-3)
            optimizer.step()
            rates.step()
        cases.append({"flags": chosen, "factors": numbers(factors)})
    return cases


def norm_values():
    """Weights of modules before and after `apply_max_norm_regularization`."""
    make = torch.Generator().manual_seed(9)
    layers = {
        "linear": torch.nn.Linear(4, 3),
        "convolution_1x1": torch.nn.Conv2d(3, 4, 1),
        "convolution_3x3": torch.nn.Conv2d(2, 3, 3),
        "small": torch.nn.Linear(3, 3),
    }
    cases = []
    for largest in (0.5, 1.0, 4.0):
        network = torch.nn.Module()
        for name, layer in layers.items():
            lora = LoRAModule(name, layer, 1.0, 2, 1.0)
            del lora.org_module
            for weight in (lora.lora_up.weight, lora.lora_down.weight):
                factor = 0.05 if name == "small" else 1.0
                weight.data = torch.randn(weight.shape, generator=make) * factor
            network.add_module(name, lora)
        weights = [name for name in network.state_dict() if name.endswith(".weight")]
        before = {name: network.state_dict()[name].clone() for name in weights}
        scaled, _, _ = LoRANetwork.apply_max_norm_regularization(network, largest, "cpu")
        after = {name: network.state_dict()[name] for name in weights}
        cases.append(
            {
                "flags": {"scale_weight_norms": largest, "network_dim": 2, "network_alpha": 1.0},
                "before": {name: numbers(tensor) for name, tensor in before.items()},
                "after": {name: numbers(tensor) for name, tensor in after.items()},
                "scaled": scaled,
            }
        )
    return cases
