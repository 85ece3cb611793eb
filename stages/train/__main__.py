"""Train the LoRA: one checkpoint per epoch, each carrying what made it.

Reads params.yaml (train), outputs/dataset/ (manifest, pictures), the base model.
Writes outputs/checkpoints/<output_name>-000001.safetensors ... <output_name>.safetensors (the last epoch) and
reports/train/ (loss and learning rates per step); state to resume from in state/train/<fingerprint>/;
clock, device and Git commit in logs/train/<fingerprint>.json.

    python -m stages.train

A run that was killed goes on where it was, to the same bytes. `--list-state` lists what can be resumed,
`--prune-state` removes what belongs to other inputs.
"""

from stages.errors import run_stage
from stages.train.training import main

if __name__ == "__main__":
    run_stage(main)
