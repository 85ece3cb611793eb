"""What both kinds of values need: sd-scripts' arguments, its noise scheduler, and what it draws at random."""

import sys
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from unittest import mock

import torch
from train_network import NetworkTrainer, setup_parser


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


def scheduler(zero_terminal_snr=False):
    args = SimpleNamespace(zero_terminal_snr=zero_terminal_snr)
    return NetworkTrainer.get_noise_scheduler(None, args, torch.device("cpu"))
