"""Writes the expected values in this folder with the functions of kohya's sd-scripts; README.md says what each is.

    PYTHONPATH=CHECKOUT PYTHON make_values.py CHECKOUT

CHECKOUT: sd-scripts at v0.10.1. PYTHON: of an environment in which its `train_network.py` starts. CPU, float32. Nothing
of the project is imported; the tokenizer comes from models/nano.
"""

import argparse
import json
import subprocess
from pathlib import Path

import values_of_data as data
import values_of_training as training
from library import train_util

TAG = "v0.10.1"
VALUES = {
    "schedule": training.schedule_values, "noise": training.noise_values, "timesteps": training.timestep_values,
    "weights": training.weight_values, "losses": training.loss_values, "rates": training.rate_values,
    "norms": training.norm_values, "captions": data.caption_values, "steps": data.step_values,
    "resize": data.resize_values, "tokens": data.token_values, "states": data.state_values,
}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, help=f"sd-scripts at {TAG}")
    checkout = parser.parse_args().checkout
    tag = subprocess.run(["git", "describe", "--tags"], cwd=checkout, check=True, capture_output=True, text=True)
    assert tag.stdout.strip() == TAG, tag.stdout
    assert Path(train_util.__file__).is_relative_to(checkout.resolve()), train_util.__file__
    for name, make in VALUES.items():
        path = Path(__file__).resolve().parent / f"{name}.json"
        path.write_text(json.dumps(make(), separators=(",", ":")) + "\n")
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
