"""Stands for sd-scripts' train_network.py where the real one cannot run: its arguments, names, files, log; no training.

It refuses flags that sd_scripts.json, which lies beside it, does not list. STAND_IN_NOTES names a file for its
arguments and environment; STAND_IN_ENDS ends it with an error in that step, in the words of STAND_IN_SAYS;
STAND_IN_WAITS makes it wait in that step for ever; STAND_IN_LOSS is the loss of every step.
"""

import argparse
import hashlib
import json
import os
import shutil
import struct
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).parent
KINDS = {"int": int, "float": float, "number": float, "text": str}


def parser():
    made = argparse.ArgumentParser()
    for name, facts in json.loads((HERE / "sd_scripts.json").read_text())["flags"].items():
        if facts["kind"] == "switch":
            made.add_argument(f"--{name}", action="store_true")
        else:
            kind = KINDS[facts["kind"]]
            many = {"nargs": "*"} if facts.get("many") else {}
            made.add_argument(
                f"--{name}", type=kind, default=facts.get("default"), choices=facts.get("choices"), **many
            )
    return made


def varint(number):
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def event(step, tag, value):
    """A record of an event file; its checksums are left 0."""
    inner = b"\x0a" + varint(len(tag)) + tag.encode() + b"\x15" + struct.pack("<f", value)
    summary = b"\x0a" + varint(len(inner)) + inner
    data = b"\x09" + struct.pack("<d", time.time()) + b"\x10" + varint(step) + b"\x2a" + varint(len(summary)) + summary
    return struct.pack("<QI", len(data), 0) + data + struct.pack("<I", 0)


def batches(args):
    pictures = 0
    for folder in Path(args.train_data_dir).iterdir():
        if folder.is_dir():
            repeats = int(folder.name.split("_")[0])
            pictures += repeats * len(list(folder.glob("*.png")))
            assert all(path.with_suffix(args.caption_extension).exists() for path in folder.glob("*.png"))
    return -(-pictures // args.train_batch_size)


def save(args, name, epoch, step):
    weights = {f"lora_unet_{n}.lora_up.weight": np.full((4, args.network_dim), epoch + n, np.float16) for n in range(3)}
    metadata = {
        "ss_epoch": str(epoch),
        "ss_steps": str(step),
        "ss_output_name": args.output_name,
        "sshs_model_hash": hashlib.sha256(b"".join(weights[name].tobytes() for name in sorted(weights))).hexdigest(),
    }
    save_file(weights, Path(args.output_dir) / name, metadata)


def save_state(args, epoch):
    folder = Path(args.output_dir) / f"{args.output_name}-{epoch:06d}-state"
    folder.mkdir(exist_ok=True)
    (folder / "train_state.json").write_text(json.dumps({"current_epoch": epoch}))
    save_file({"w": np.zeros(2)}, folder / "model.safetensors")
    for part in ("optimizer.bin", "scheduler.bin", "random_states_0.pkl"):
        with zipfile.ZipFile(folder / part, "w") as archive:
            archive.writestr("data", "x" * 100)
    gone = epoch - args.save_every_n_epochs * args.save_last_n_epochs_state
    old = folder.with_name(f"{args.output_name}-{gone:06d}-state")
    if old.exists():
        shutil.rmtree(old)


def main():
    args = parser().parse_args()
    if notes := os.environ.get("STAND_IN_NOTES"):
        Path(notes).write_text(json.dumps({"arguments": sys.argv[1:], "environment": dict(os.environ)}))
    per_epoch = -(-batches(args) // args.gradient_accumulation_steps)
    first = (args.initial_step or 0) // per_epoch
    if args.resume:
        assert json.loads((Path(args.resume) / "train_state.json").read_text())["current_epoch"] == first
    logs = Path(args.logging_dir) / time.strftime("%Y%m%d%H%M%S") / "network_train"
    logs.mkdir(parents=True)
    step = 0
    steps = args.max_train_epochs * per_epoch if args.max_train_epochs else args.max_train_steps
    epochs = -(-steps // per_epoch)
    with (logs / f"events.out.tfevents.{int(time.time())}.host.{os.getpid()}").open("ab", buffering=0) as file:
        for epoch in range(first + 1, epochs + 1):
            print(f"\nepoch {epoch}/{epochs}\n", flush=True)
            for _ in range(min(per_epoch, steps - (epoch - 1) * per_epoch)):
                step += 1
                number = first * per_epoch + step
                if os.environ.get("STAND_IN_WAITS") == str(number):
                    time.sleep(3600)
                if os.environ.get("STAND_IN_ENDS") == str(number):
                    raise RuntimeError(os.environ.get("STAND_IN_SAYS", "the stand-in ends here"))
                loss = float(os.environ.get("STAND_IN_LOSS", number / 10))
                for batch in range(args.gradient_accumulation_steps):
                    done = step - (batch < args.gradient_accumulation_steps - 1)
                    file.write(event(done, "loss/current", loss) + event(done, "loss/average", 0.5))
                    file.write(event(done, "lr/unet", args.learning_rate) + event(done, "lr/group1", 7.0))
                print(f"\rsteps: {number}%|###  | {number}/99 [avr_loss={loss}]", end="", file=sys.stderr, flush=True)
                if args.save_every_n_steps and number % args.save_every_n_steps == 0:
                    save(args, f"{args.output_name}-step{number:08d}.safetensors", epoch, number)
            if args.save_every_n_epochs and epoch % args.save_every_n_epochs == 0 and epoch < epochs:
                save(args, f"{args.output_name}-{epoch:06d}.safetensors", epoch, step)
                if args.save_state:
                    save_state(args, epoch)
    save(args, f"{args.output_name}.safetensors", epochs, step)
    print("\nmodel saved.", flush=True)


if __name__ == "__main__":
    main()
