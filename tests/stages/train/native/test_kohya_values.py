"""The trainer's formulas beside what sd-scripts computed (tests/kohya_values), with the numbers that it drew."""

from itertools import chain
from typing import get_args

import pytest
import torch
from places import kohya_values

from sprite_lora.bases.schedule import noise_schedule
from sprite_lora.core import rng
from sprite_lora.kohya.conflicts import schedule_problem
from sprite_lora.kohya.rows.optimisation import Scheduler
from sprite_lora.kohya.train_params import FLAGS, Train
from sprite_lora.lora.network import LoRAModule
from stages.train.native import objective
from stages.train.native.batch import BatchPlan, entries, training_caption
from stages.train.native.optimizer import least_factor, rate_factor, scale_down, warmup_steps

SCHEDULER = {
    "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000,
}  # fmt: skip


def cases(values):
    """Each with a name for the test's report."""
    return [pytest.param(case, id=",".join(f"{k}={v}" for k, v in case["flags"].items()) or "-") for case in values]


def params(**flags):
    """The section `train` with these flags; all others have sd-scripts' defaults."""
    defaults = {name: row.default for name, row in FLAGS.items()}
    return Train.model_construct(**{**defaults, "seed": 0, "lr_scheduler_args": (), **flags})


def close(ours, theirs):
    torch.testing.assert_close(ours, torch.tensor(theirs), rtol=1e-6, atol=1e-6)


def schedule_of(case):
    return noise_schedule(SCHEDULER, case["flags"].get("zero_terminal_snr", False))


@pytest.mark.parametrize("case", cases(kohya_values("schedule")))
def test_alphas_and_snr(case):
    alphas, snr = schedule_of(case)
    close(alphas[case["timesteps"]], case["alphas_cumprod"])
    close(snr[case["timesteps"]], case["snr"])


def drawn(monkeypatch, draws):
    """Let `rng` give what sd-scripts drew."""

    def normal(shape, seed, purpose, number, *level):
        values = draws[purpose.replace(" ", "_")]
        tensor = torch.tensor(values[level[0]] if level else values)
        assert tensor.shape == shape
        return tensor

    def uniform(shape, seed, purpose, number, *level):
        assert shape == ()
        values = draws["pyramid_uniform" if level else purpose.replace(" ", "_")]
        return torch.tensor(values[level[0]] if level else values, dtype=torch.float64).reshape(())

    monkeypatch.setattr(rng, "normal", normal)
    monkeypatch.setattr(rng, "uniform", uniform)


VALUES = kohya_values("noise")


@pytest.mark.parametrize("case", cases(VALUES["cases"]))
def test_noise(monkeypatch, case):
    drawn(monkeypatch, case["draws"])
    latents, flags = torch.tensor(VALUES["latents"]), params(**case["flags"])
    noise = objective.batch_noise(latents, flags, 0)
    close(noise, case["noise"])
    at = schedule_of(case).alphas[case["timesteps"]]
    close(objective.add_noise(latents, objective.perturbed(noise, flags, 0), at), case["noisy"])
    if "velocity" in case:
        close(objective.velocity(latents, noise, at), case["velocity"])


def is_range(case):
    return case["flags"].get("min_timestep", 0) < case["flags"].get("max_timestep", 1000)


@pytest.mark.parametrize("case", cases(filter(is_range, kohya_values("timesteps"))))
def test_range_of_timesteps(case):
    first, end = objective.timestep_range(params(**case["flags"]), 1000)
    steps = objective.batch_timesteps(40_000, end, 42, 0, first)
    assert (steps.min(), steps.max()) == (case["smallest"], case["largest"])


@pytest.mark.parametrize("case", cases(kohya_values("weights")))
def test_weights(case):
    flags, snr = params(**case["flags"]), schedule_of(case).snr[case["timesteps"]]
    more = (flags.scale_v_pred_loss_like_noise_pred, flags.debiased_estimation_loss)
    weights = objective.loss_weights(torch.ones(len(snr)), snr, flags.min_snr_gamma, flags.v_parameterization, *more)
    close(weights, case["weights"])


LOSSES = kohya_values("losses")


@pytest.mark.parametrize("case", cases(LOSSES["cases"]))
def test_loss(case):
    predicted, target = torch.tensor(LOSSES["predicted"]), torch.tensor(LOSSES["target"])
    flags = params(**case["flags"])
    thresholds = objective.huber_thresholds(flags, torch.tensor(LOSSES["timesteps"]), schedule_of(case).alphas)
    if case["threshold"] is None:
        assert thresholds is None
    else:
        close(thresholds, case["threshold"])
    close(objective.picture_losses(predicted, target, flags.loss_type, thresholds), case["losses"])


RATES = kohya_values("rates")


OURS = get_args(Scheduler)
"""Schedules of the trainer; sd-scripts has others, too."""


@pytest.mark.parametrize("case", cases(c for c in RATES if "factors" in c and c["flags"]["lr_scheduler"] in OURS))
def test_rates_of_a_whole_run(case):
    flags, theirs = params(**case["flags"]), case["factors"]
    steps = case["flags"]["max_train_steps"]
    warmup = warmup_steps(flags.lr_warmup_steps, steps)
    shape = (flags.lr_scheduler_num_cycles, flags.lr_scheduler_power, least_factor(flags))
    ours = [rate_factor(flags.lr_scheduler, step, steps, warmup, *shape) for step in range(len(theirs))]
    assert ours == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize("case", cases(case for case in RATES if "refused" in case))
def test_what_sd_scripts_refuses_is_refused(case):
    flags = {name: value for name, value in case["flags"].items() if name != "max_train_steps"}
    assert schedule_problem(params(**flags, backend="native").model_dump())


@pytest.mark.parametrize("case", kohya_values("captions"))
def test_captions(monkeypatch, case):
    monkeypatch.setattr(rng, "permutation", lambda length, *where: case["order"])
    monkeypatch.setattr(rng, "uniform", lambda shape, *where: torch.tensor(case["uniform"], dtype=torch.float64))
    assert training_caption(case["caption"], params(**case["flags"]), 1, 0, 0) == case["shown"]


@pytest.mark.parametrize("case", kohya_values("steps"))
def test_uses_batches_and_steps(case):
    regular = list(chain.from_iterable([repeats] * count for count, repeats in case["regularisation"]))
    uses = entries(case["pictures"], case["repeats"], regular)
    counts = [uses.count(case["pictures"] + index) for index in range(len(regular))]
    assert counts == case["regularisation_uses"]
    plan = BatchPlan(uses, case["batch_size"], case["accumulation"], case["processes"], case["epochs"])
    assert (plan.batches_per_epoch, plan.steps) == (case["batches_per_epoch"], case["max_train_steps"])


@pytest.mark.parametrize("case", cases(kohya_values("norms")))
def test_weight_norms(case):
    flags = case["flags"]
    loras: dict[str, LoRAModule] = {}
    for name, values in case["before"].items():
        module, part, _ = name.split(".")
        rank, alpha = flags["network_dim"], flags["network_alpha"]
        # Its shape does not matter: both matrices are replaced.
        lora = loras.setdefault(module, LoRAModule(module, torch.nn.Linear(1, 1), rank, alpha, 0, 0.0))
        getattr(lora, part).weight = torch.nn.Parameter(torch.tensor(values), requires_grad=False)
    assert scale_down(list(loras.values()), flags["scale_weight_norms"]) == case["scaled"]
    for name, theirs in case["after"].items():
        module, part, _ = name.split(".")
        close(getattr(loras[module], part).weight, theirs)
