"""Captions, steps, tokens and text states, as sd-scripts computes them."""

import math
import random
import shutil
import tempfile
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import torch
from library import strategy_sd, strategy_sdxl, train_util
from PIL import Image
from values_common import arguments, numbers, recorded

TOKENIZER = Path(__file__).resolve().parents[2] / "models" / "nano" / "tokenizer"


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


def resize_values():
    """Pictures of other sizes than the training's, resized and cut, and what SDXL is told of them."""
    cases = []
    for width, height, side in ((8, 8, 4), (12, 8, 4), (7, 10, 4), (5, 3, 4), (3, 9, 4), (4, 4, 4), (13, 31, 6)):
        rows, columns, channels = np.mgrid[:height, :width, :3]
        pixels = ((37 * columns + 91 * rows + 53 * channels + 17 * columns * rows) % 256).astype(np.uint8)
        manager = train_util.BucketManager(False, (side, side), None, None, None)
        manager.set_predefined_resos([(side, side)])
        reso, resized, _ = manager.select_bucket(width, height)
        image, original, cut = train_util.trim_and_resize_if_required(False, pixels, reso, resized)
        sizes = [original[1], original[0], int(cut[1]), int(cut[0]), side, side]
        cases.append({"pixels": pixels.tolist(), "side": side, "resized": image.tolist(), "sizes": sizes})
    return cases


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
        for name in (strategy_sd.TOKENIZER_ID, strategy_sd.V2_STABLE_DIFFUSION_ID, strategy_sdxl.TOKENIZER2_PATH):
            shutil.copytree(TOKENIZER, Path(folder) / name.replace("/", "_"))
        for length in (75, 150, 225):
            for base in ("sd_v1", "sd_v2"):
                one = strategy_sd.SdTokenizeStrategy(base == "sd_v2", length, folder)
                if base == "sd_v2":
                    one.tokenizer.pad_token_id = 0  # as its own tokenizer_config.json has it
                for clip_skip in (None, 1, 2):
                    encoding = strategy_sd.SdTextEncodingStrategy(clip_skip)
                    (states,) = encoding.encode_tokens(one, [Encoder()], one.tokenize(texts))
                    flags = {"max_token_length": length, "clip_skip": clip_skip}
                    cases.append({"base": base, "flags": flags, "states": stretches(states)})
            two = strategy_sdxl.SdxlTokenizeStrategy(length, folder)
            models = [Encoder(), Encoder(), None]
            first, second, pooled = strategy_sdxl.SdxlTextEncodingStrategy().encode_tokens(
                two, models, two.tokenize(texts)
            )
            assert torch.equal(first - 11_000, second - 11_000)
            case = {"base": "sdxl_base_v1-0", "flags": {"max_token_length": length}}
            cases.append({**case, "states": stretches(first), "pooled": numbers(pooled[..., 0])})
    return {"texts": texts, "cases": cases}
