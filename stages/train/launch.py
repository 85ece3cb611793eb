"""One process per GPU, through accelerate."""

import os
import sys
from typing import NoReturn

import torch

from sprite_lora.core.errors import SpriteLoraError


def is_launched() -> bool:
    """Whether this is one of the processes that `launch` makes."""
    return "LOCAL_RANK" in os.environ


def is_chief() -> bool:
    """Whether this process is the one that writes files and talks."""
    return int(os.environ.get("RANK", "0")) == 0


def launch(num_processes: int) -> NoReturn:
    """Be `accelerate launch` of `python -m stages.train` in that many processes on this machine, and end as they end.

    Raises SpriteLoraError where there are fewer GPUs; without any, the processes compute on the CPU.
    """
    gpus = torch.cuda.device_count()
    if 0 < gpus < num_processes:
        raise SpriteLoraError(
            f"train.num_processes is {num_processes}, this machine has {gpus} GPUs",
            "lower it, and raise gradient_accumulation_steps to keep the effective batch",
        )
    from accelerate.commands.launch import (  # type: ignore[import-untyped]
        launch_command,
        launch_command_parser,
    )
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    arguments = f"--multi_gpu --num_processes {num_processes} --num_machines 1 --main_process_port 0"
    rest = "--mixed_precision no --dynamo_backend no --module stages.train"
    try:
        launch_command(launch_command_parser().parse_args([*arguments.split(), *rest.split()]))
    except ChildFailedError:
        sys.exit(1)  # the first process has said why
    except SignalException as stop:
        sys.exit(128 + stop.sigval)
    sys.exit(0)
