"""The trainer's formulas beside what sd-scripts computed (tests/kohya_values), with the numbers that it drew."""

from itertools import chain
from types import SimpleNamespace

import pytest
import torch
from places import kohya_values

from sprite_lora.core import rng
from stages.train.native import objective
from stages.train.native.batch import BatchPlan, entries, training_caption
from stages.train.native.optimizer import rate_factor, scale_down, warmup_steps

SCHEDULER = {
    "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000,
}  # fmt: skip
NOISE = {
    "noise_offset": None, "adaptive_noise_scale": None, "multires_noise_iterations": None,
    "multires_noise_discount": 0.3,
}  # fmt: skip
"""Flags of the trainer's noise, with sd-scripts' defaults."""


def cases(values, flags):
    """Those that name no flags but these, each with a name for the test's report."""
    chosen = [case for case in values if set(case["flags"]) <= set(flags)]
    assert chosen
    return [pytest.param(case, id=",".join(f"{k}={v}" for k, v in case["flags"].items()) or "-") for case in chosen]


def close(ours, theirs):
    torch.testing.assert_close(ours, torch.tensor(theirs), rtol=1e-6, atol=1e-6)


@pytest.fixture
def alphas():
    return objective.alphas_cumprod(SCHEDULER)


@pytest.mark.parametrize("case", cases(kohya_values("schedule")[:1], ["zero_terminal_snr"]))
def test_alphas_and_snr(alphas, case):
    at = alphas[case["timesteps"]]
    close(at, case["alphas_cumprod"])
    close(objective.signal_to_noise(at), case["snr"])


def drawn(monkeypatch, draws):
    """Let `rng` give what sd-scripts drew."""

    def normal(shape, seed, purpose, number, *level):
        values = draws[purpose.replace(" ", "_")]
        tensor = torch.tensor(values[level[0]] if level else values)
        assert tensor.shape == shape
        return tensor

    def uniform(shape, seed, purpose, number, level):
        assert (shape, purpose) == ((), "pyramid ratio")
        return torch.tensor(draws["pyramid_uniform"][level], dtype=torch.float64)

    monkeypatch.setattr(rng, "normal", normal)
    monkeypatch.setattr(rng, "uniform", uniform)


VALUES = kohya_values("noise")


@pytest.mark.parametrize("case", cases(VALUES["cases"], NOISE))
def test_noise(monkeypatch, alphas, case):
    drawn(monkeypatch, case["draws"])
    latents = torch.tensor(VALUES["latents"])
    noise = objective.batch_noise(latents, SimpleNamespace(seed=0, **NOISE | case["flags"]), 0)
    close(noise, case["noise"])
    at = alphas[case["timesteps"]]
    close(objective.add_noise(latents, noise, at), case["noisy"])
    if "velocity" in case:
        close(objective.velocity(latents, noise, at), case["velocity"])


def test_range_of_timesteps():
    (case,) = [case for case in kohya_values("timesteps") if not case["flags"]]
    steps = objective.batch_timesteps(40_000, 1000, 42, 0)
    assert (steps.min(), steps.max()) == (case["smallest"], case["largest"])


@pytest.mark.parametrize("case", cases(kohya_values("weights"), ["min_snr_gamma", "v_parameterization"]))
def test_weights(alphas, case):
    flags, at = case["flags"], alphas[case["timesteps"]]
    snr = objective.signal_to_noise(at)
    velocity = flags.get("v_parameterization", False)
    close(objective.loss_weights(torch.ones(len(at)), snr, flags.get("min_snr_gamma"), velocity), case["weights"])


LOSSES = kohya_values("losses")


@pytest.mark.parametrize("case", [case for case in LOSSES["cases"] if case["flags"] == {"loss_type": "l2"}])
def test_loss(case):
    close(objective.picture_losses(torch.tensor(LOSSES["predicted"]), torch.tensor(LOSSES["target"])), case["losses"])


NAMES = ("constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts")


@pytest.mark.parametrize("case", [case for case in kohya_values("rates") if case["flags"]["lr_scheduler"] in NAMES])
def test_rates_of_a_whole_run(case):
    flags, theirs = case["flags"], case["factors"]
    name, steps, cycles = flags["lr_scheduler"], flags["max_train_steps"], flags.get("lr_scheduler_num_cycles", 1)
    warmup = warmup_steps(flags.get("lr_warmup_steps", 0), steps)
    assert [rate_factor(name, step, steps, warmup, cycles) for step in range(len(theirs))] == pytest.approx(
        theirs, abs=1e-6
    )


@pytest.mark.parametrize("case", kohya_values("captions"))
def test_captions(monkeypatch, case):
    monkeypatch.setattr(rng, "permutation", lambda length, *where: case["order"])
    monkeypatch.setattr(rng, "uniform", lambda shape, *where: torch.tensor(case["uniform"], dtype=torch.float64))
    flags = case["flags"]
    shuffle, keep = flags.get("shuffle_caption", False), flags.get("keep_tokens", 0)
    shown = training_caption(case["caption"], shuffle, keep, flags.get("caption_dropout_rate", 0.0), 0, 0, 0)
    assert shown == case["shown"]


@pytest.mark.parametrize("case", kohya_values("steps"))
def test_uses_batches_and_steps(case):
    regular = list(chain.from_iterable([repeats] * count for count, repeats in case["regularisation"]))
    uses = entries(case["pictures"], case["repeats"], regular)
    counts = [uses.count(case["pictures"] + index) for index in range(len(regular))]
    assert counts == case["regularisation_uses"]
    plan = BatchPlan(uses, case["batch_size"], case["accumulation"], case["processes"], case["epochs"])
    assert (plan.batches_per_epoch, plan.steps) == (case["batches_per_epoch"], case["max_train_steps"])


@pytest.mark.parametrize("case", cases(kohya_values("norms"), ["scale_weight_norms", "network_dim", "network_alpha"]))
def test_weight_norms(case):
    flags = case["flags"]
    pairs = {}
    for name, values in case["before"].items():
        module, part, _ = name.split(".")
        pairs.setdefault(module, {})[part] = SimpleNamespace(weight=torch.tensor(values))
    loras = [SimpleNamespace(**pair, scale=flags["network_alpha"] / flags["network_dim"]) for pair in pairs.values()]
    assert scale_down(loras, flags["scale_weight_norms"]) == case["scaled"]
    for name, theirs in case["after"].items():
        module, part, _ = name.split(".")
        close(pairs[module][part].weight, theirs)
