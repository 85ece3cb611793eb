"""Time and memory of `tools.audit` over a thousand LoRA headers, against safetensors' own `safe_open` on them.

    python -m benchmarks.audit_scale [--files 1000] [--layouts 20]

Writes sparse files (headers as kohya writes them, tensors as holes) to a temporary folder: SDXL LoRAs of 986 modules,
ten epochs per run. Prints one line of JSON: seconds of each, their ratio, and the growth of memory from a tenth of the
files to all of them. The peer opens each file and asks for its metadata and for each tensor's type and shape.
"""

import argparse
import json
import resource
import struct
import tempfile
import time
from pathlib import Path

from safetensors import safe_open

from tools.audit.inventory import take_inventory
from tools.audit.walk import walk

EPOCHS = 10


def modules() -> list[tuple[str, int, int]]:
    """(name, inputs, outputs) of 986 modules with SDXL's names and widths."""
    found = []
    for block, places, depth, width in (("input_blocks", (4, 5), 2, 640), ("input_blocks", (7, 8), 10, 1280),
                                        ("middle_block", (1,), 10, 1280), ("output_blocks", (0, 1, 2), 10, 1280),
                                        ("output_blocks", (3, 4, 5), 2, 640)):  # fmt: skip
        for place in places:
            stem = f"lora_unet_{block}_{place}_1" if block != "middle_block" else "lora_unet_middle_block_1"
            found += [(f"{stem}_proj_in", width, width), (f"{stem}_proj_out", width, width)]
            for layer in range(depth):
                inner = f"{stem}_transformer_blocks_{layer}"
                for attention, text in (("attn1", width), ("attn2", 2048)):
                    found += [(f"{inner}_{attention}_to_{part}", width, width) for part in ("q", "out_0")]
                    found += [(f"{inner}_{attention}_to_{part}", text, width) for part in ("k", "v")]
                found += [(f"{inner}_ff_net_0_proj", width, 8 * width), (f"{inner}_ff_net_2", 4 * width, width)]
    for encoder, layers, width in (("te1", 12, 768), ("te2", 32, 1280)):
        for layer in range(layers):
            stem = f"lora_{encoder}_text_model_encoder_layers_{layer}"
            found += [(f"{stem}_self_attn_{part}_proj", width, width) for part in ("q", "k", "v", "out")]
            found += [(f"{stem}_mlp_fc1", width, 4 * width), (f"{stem}_mlp_fc2", 4 * width, width)]
    return found


def tensors(rank: int) -> dict[str, object]:
    header: dict[str, object] = {}
    at = 0
    for name, inputs, outputs in modules():
        for part, shape, count in (
            (".alpha", [], 1),
            (".lora_down.weight", [rank, inputs], rank * inputs),
            (".lora_up.weight", [outputs, rank], rank * outputs),
        ):
            header[name + part] = {"dtype": "F16", "shape": shape, "data_offsets": [at, at + 2 * count]}
            at += 2 * count
    return header


def write_files(folder: Path, files: int, layouts: int) -> None:
    """Runs of ten epochs; the runs share `layouts` ranks."""
    texts = [json.dumps(tensors(rank), separators=(",", ":"))[1:] for rank in range(1, layouts + 1)]
    ends = [max(entry["data_offsets"][1] for entry in tensors(rank).values()) for rank in range(1, layouts + 1)]  # type: ignore[index]
    tags = {"10_punk": {f"tag number {number}": number for number in range(300)}}
    for number in range(files):
        run, epoch = divmod(number, EPOCHS)
        metadata = {f"ss_key_{key}": "value" for key in range(60)} | {
            "ss_session_id": str(run), "ss_epoch": str(epoch + 1), "ss_num_epochs": str(EPOCHS),
            "ss_learning_rate": "0.0001", "ss_network_dim": str(run % layouts + 1),
            "ss_tag_frequency": json.dumps(tags), "sshs_model_hash": f"{number:064x}",
        }  # fmt: skip
        header = (
            '{"__metadata__":' + json.dumps(metadata, separators=(",", ":")) + "," + texts[run % layouts]
        ).encode()
        header += b" " * (-len(header) % 8)
        with (folder / f"run{run}-{epoch + 1:06d}.safetensors").open("wb") as file:
            file.write(struct.pack("<Q", len(header)) + header)
            file.truncate(8 + len(header) + ends[run % layouts])


def peer(folder: Path) -> int:
    count = 0
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "np") as file:
            file.metadata()
            for name in file.keys():  # noqa: SIM118
                part = file.get_slice(name)
                count += len(part.get_shape()) + len(part.get_dtype())
    return count


def timed(action: object, *arguments: object, rounds: int = 3) -> float:
    """Seconds of the quickest round."""
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        action(*arguments)  # type: ignore[operator]
        best = min(best, time.perf_counter() - start)
    return best


def audit(folder: Path) -> dict[str, object]:
    return take_inventory(walk([folder]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--layouts", type=int, default=20, help="different ranks among the runs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tenth = folder / "tenth"
        whole = folder / "whole"
        for place, files in ((tenth, options.files // 10), (whole, options.files)):
            place.mkdir()
            write_files(place, files, options.layouts)
        audit(tenth)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        ours = timed(audit, whole)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        theirs = timed(peer, whole)
    result = {
        "benchmark": "audit_scale", "files": options.files, "layouts": options.layouts, "audit_s": round(ours, 3),
        "safe_open_s": round(theirs, 3), "ratio": round(ours / theirs, 2),
        "memory_growth_mib": round((after - before) / 1024, 1),
    }  # fmt: skip
    print(json.dumps(result))


if __name__ == "__main__":
    main()
