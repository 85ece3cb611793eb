"""Writes the expected values in this folder with the functions of kohya's sd-scripts; README.md says what each is.

    PYTHONPATH=CHECKOUT PYTHON make_values.py CHECKOUT

CHECKOUT: sd-scripts at v0.10.1. PYTHON: of an environment in which its `train_network.py` starts. CPU, float32. Nothing
of the project is imported; the tokenizer comes from models/nano.
"""

import argparse
import json
import math
import random
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import torch
from library import strategy_sd, strategy_sdxl, train_util
from networks.lora import LoRAModule, LoRANetwork
from PIL import Image
from train_network import NetworkTrainer, setup_parser

TAG = "v0.10.1"
HERE = Path(__file__).resolve().parent
TOKENIZER = HERE.parents[1] / "models" / "nano" / "tokenizer"
TIMESTEPS = [0, 1, 2, 5, 10, 50, 100, 200, 300, 400, 500, 600, 700, 800, 900, 950, 990, 997, 998, 999]


def arguments(flags):
    """sd-scripts' own arguments, with its defaults."""
    words = []
    for name, value in flags.items():
        if isinstance(value, list):
            words += [f"--{name}", *value]
        elif value is True:
            words.append(f"--{name}")
        elif value is not None:
            words.append(f"--{name}={value}")
    return setup_parser().parse_args(words)


def numbers(tensor):
    """Nested lists; 9 digits are enough for each float32 to be read back as itself."""
    if isinstance(tensor, torch.Tensor):
        return numbers(tensor.tolist())
    if isinstance(tensor, list):
        return [numbers(one) for one in tensor]
    return float(f"{tensor:.9g}") if isinstance(tensor, float) else tensor


def scheduler(zero_terminal_snr=False):
    args = SimpleNamespace(zero_terminal_snr=zero_terminal_snr)
    return NetworkTrainer.get_noise_scheduler(None, args, torch.device("cpu"))


@contextmanager
def recorded(*places):
    """Lists of what the functions at these places return from here on: `recorded("torch.randn", "random.random")`."""
    with ExitStack() as stack:
        lists = []
        for place in places:
            module, _, name = place.partition(".")
            original, seen = getattr(sys.modules[module], name), []

            def record(*args, original=original, seen=seen, **kwargs):
                value = original(*args, **kwargs)
                seen.append(value.clone() if isinstance(value, torch.Tensor) else value)
                return value

            stack.enter_context(mock.patch(place, record))
            lists.append(seen)
        yield lists


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


def caption_values():
    """What `process_caption` makes of a caption, with the order and the number that it drew."""
    captions = [
        "pixel art, 24x24, portrait of a lady,  red hair ,blue eyes, hat",
        "a,, b c ;d,e ",
        " one tag alone ",
        "",
    ]
    flags = [
        {},
        {"shuffle_caption": True},
        {"shuffle_caption": True, "keep_tokens": 1},
        {"shuffle_caption": True, "keep_tokens": 2},
        {"shuffle_caption": True, "keep_tokens": 9},
        {"keep_tokens": 2},
        {"shuffle_caption": True, "caption_dropout_rate": 0.5},
    ]
    cases = []
    for chosen in flags:
        for number, caption in enumerate(captions):
            orders = []

            def shuffle(tags, orders=orders):
                order = torch.randperm(len(tags)).tolist()
                orders.append(order)
                tags[:] = [tags[index] for index in order]

            subset = subset_of(Path("none"), 1, False, chosen)
            dataset = train_util.MinimalDataset((64, 64), 1.0)
            torch.manual_seed(number)
            random.seed(number)
            with recorded("random.random") as (uniform,), mock.patch("random.shuffle", shuffle):
                shown = dataset.process_caption(subset, caption)
            drawn = {"order": orders[0] if orders else None, "uniform": uniform[0] if uniform else None}
            cases.append({"flags": chosen, "caption": caption, **drawn, "shown": shown})
    return cases


def subset_of(folder, repeats, is_reg, flags):
    """A folder of pictures as sd-scripts has it, with its defaults for what flags don't say."""
    args = arguments(flags)
    chosen = {name: getattr(args, name) for name in (
        "shuffle_caption", "keep_tokens", "caption_dropout_rate", "caption_dropout_every_n_epochs",
        "caption_tag_dropout_rate", "caption_prefix", "caption_suffix", "token_warmup_min", "token_warmup_step",
        "keep_tokens_separator", "secondary_separator", "enable_wildcard", "color_aug", "flip_aug", "random_crop",
        "face_crop_aug_range", "caption_separator",
    )}  # fmt: skip
    more = {"class_tokens": "thing", "caption_extension": ".txt", "cache_info": False, "alpha_mask": False}
    return train_util.DreamBoothSubset(str(folder), is_reg, num_repeats=repeats, **more, **chosen)


def step_values():
    """Uses of pictures, batches and steps, of real data sets of small pictures."""
    runs = [
        # pictures, repeats, [(regularisation pictures, repeats)], batch, processes, accumulation, epochs
        (7, 1, [], 2, 1, 1, 3),
        (7, 3, [], 4, 1, 1, 10),
        (5, 4, [], 3, 2, 1, 2),
        (11, 2, [], 4, 2, 3, 4),
        (4, 5, [(3, 1)], 4, 1, 2, 2),
        (4, 3, [(2, 2), (3, 4)], 5, 1, 1, 1),
        (2, 2, [(9, 1)], 4, 1, 1, 1),
        (3, 2, [(2, 10)], 2, 1, 4, 5),
    ]
    cases = []
    for pictures, repeats, regular, batch, processes, accumulation, epochs in runs:
        with tempfile.TemporaryDirectory() as temporary:
            subsets = []
            for number, (count, times) in enumerate([(pictures, repeats), *regular]):
                folder = Path(temporary) / str(number)
                folder.mkdir()
                for index in range(count):
                    Image.new("RGB", (64, 64)).save(folder / f"{index:02d}.png")
                subsets.append(subset_of(folder, times, number > 0, {}))
            settings = (1.0, False, 256, 1024, 64, False, 1.0, False, 0.0, None, None)
            dataset = train_util.DreamBoothDataset(subsets, True, batch, (64, 64), *settings)
            dataset.make_buckets()
        used = {
            Path(key).relative_to(temporary).as_posix(): info.num_repeats for key, info in dataset.image_data.items()
        }
        names = [f"{number}/{index:02d}.png" for number, (count, _) in enumerate(regular, 1) for index in range(count)]
        # Not a function of its own in sd-scripts: `train` of train_network.py has this formula in its midst.
        steps = epochs * math.ceil(len(dataset) / processes / accumulation)
        cases.append(
            {
                "pictures": pictures, "repeats": repeats, "regularisation": regular, "batch_size": batch,
                "processes": processes, "accumulation": accumulation, "epochs": epochs,
                "regularisation_uses": [used.get(name, 0) for name in names],
                "batches_per_epoch": len(dataset), "max_train_steps": steps,
            }
        )  # fmt: skip
    return cases


def token_values():
    """The windows of a text's tokens, each as runs of [token, how often]."""
    texts = {
        "nothing": "",
        "a caption": "pixel art, 24x24, portrait of a lady, blonde hair; it's 'blue' (eyes:1.2)",
        "74 tokens": "cat " * 74,
        "75 tokens": "cat " * 75,
        "76 tokens": "cat " * 76,
        "150 tokens": "dog " * 150,
        "151 tokens": "dog " * 151,
        "225 tokens": "dog " * 225,
        "300 tokens": "dog " * 300,
    }
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        for name in (strategy_sd.TOKENIZER_ID, strategy_sdxl.TOKENIZER2_PATH):
            shutil.copytree(TOKENIZER, Path(folder) / name.replace("/", "_"))
        for length in (75, 150, 225):
            one = strategy_sd.SdTokenizeStrategy(False, length, folder)
            two = strategy_sdxl.SdxlTokenizeStrategy(length, folder)
            for name, text in texts.items():
                sdxl = two.tokenize(text)
                assert torch.equal(one.tokenize(text)[0], sdxl[0])
                first, second = ([runs(window) for window in ids.reshape(-1, 77).tolist()] for ids in sdxl)
                case = {"text": name, "flags": {"max_token_length": length}}
                cases.append({**case, "windows": first, "sdxl_second_windows": second})
    return {"texts": texts, "cases": cases}


def runs(ids):
    """[[token, how often], ...]."""
    return [[token, len(list(same))] for token, same in groupby(ids)]


class Encoder:
    """Stands in for a text encoder: it says where each state comes from. Layer n's state at position p is 1000 n + p,
    p counted over all windows of all texts; the last layer is the twelfth; the norm adds 0.5, the projection doubles.
    """

    device = torch.device("cpu")
    text_model = SimpleNamespace(final_layer_norm=lambda states: states + 0.5)

    def __init__(self):
        self.text_projection = lambda pooled: 2 * pooled
        self.text_projection.weight = torch.zeros(())

    def __call__(self, tokens, output_hidden_states=False, return_dict=True):
        at = torch.arange(tokens.numel(), dtype=torch.float32).reshape(*tokens.shape, 1)
        layers = [1000.0 * layer + at for layer in range(13)]
        last = self.text_model.final_layer_norm(layers[-1])
        if not output_hidden_states:
            return (last,)
        return {"hidden_states": layers, "last_hidden_state": last}


def stretches(states):
    """[[first, length], ...] per text, of states that go up by 1: (texts, positions, 1) as `Encoder` gives them."""
    found = []
    for row in states[..., 0].tolist():
        found.append([])
        for state in row:
            if found[-1] and state == sum(found[-1][-1]):
                found[-1][-1][1] += 1
            else:
                found[-1].append([state, 1])
    return found


def state_values():
    """Which states of the windows of two texts are joined, in which order; what `Encoder` gives."""
    texts = ["dog " * 100, "a cat"]
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        for name in (strategy_sd.TOKENIZER_ID, strategy_sdxl.TOKENIZER2_PATH):
            shutil.copytree(TOKENIZER, Path(folder) / name.replace("/", "_"))
        for length in (75, 150, 225):
            one = strategy_sd.SdTokenizeStrategy(False, length, folder)
            for clip_skip in (None, 1, 2):
                encoding = strategy_sd.SdTextEncodingStrategy(clip_skip)
                (states,) = encoding.encode_tokens(one, [Encoder()], one.tokenize(texts))
                flags = {"max_token_length": length, "clip_skip": clip_skip}
                cases.append({"base": "sd_v1", "flags": flags, "states": stretches(states)})
            two = strategy_sdxl.SdxlTokenizeStrategy(length, folder)
            models = [Encoder(), Encoder(), None]
            first, second, pooled = strategy_sdxl.SdxlTextEncodingStrategy().encode_tokens(
                two, models, two.tokenize(texts)
            )
            assert torch.equal(first - 11_000, second - 11_000)
            case = {"base": "sdxl_base_v1-0", "flags": {"max_token_length": length}}
            cases.append({**case, "states": stretches(first), "pooled": numbers(pooled[..., 0])})
    return {"texts": texts, "cases": cases}


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


VALUES = {
    "schedule": schedule_values, "noise": noise_values, "timesteps": timestep_values, "weights": weight_values,
    "losses": loss_values, "rates": rate_values, "captions": caption_values, "steps": step_values,
    "tokens": token_values, "states": state_values, "norms": norm_values,
}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, help=f"sd-scripts at {TAG}")
    checkout = parser.parse_args().checkout
    tag = subprocess.run(["git", "describe", "--tags"], cwd=checkout, check=True, capture_output=True, text=True)
    assert tag.stdout.strip() == TAG, tag.stdout
    assert Path(train_util.__file__).is_relative_to(checkout.resolve()), train_util.__file__
    for name, make in VALUES.items():
        path = HERE / f"{name}.json"
        path.write_text(json.dumps(make(), separators=(",", ":")) + "\n")
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
