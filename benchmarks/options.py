"""Scores of experiments beside a first one's: what docs/options.md has in its table.

    python -m benchmarks.options plain rank-2 rate-1e-4 ...

Names are DVC experiments of this repository (`dvc exp run -n NAME -S ...`) or Git revisions, the one to compare with
first. Prints a line per run and epoch: score, mean difference over the prompts with its standard error, and ratio.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import mean

import dvc.api

from sprite_lora.core.params import Paths, load
from stages.select.choose import Epoch, spread
from stages.select.scores import read_epochs


def trained(reports: Path, revision: str) -> list[Epoch]:
    """The trained epochs of a run, from what `score` wrote and Git keeps."""
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("score.json", "score.csv"):
            text = dvc.api.read((reports / name).as_posix(), rev=revision)
            (Path(scratch) / name).write_text(text, encoding="utf-8")
        return read_epochs(Path(scratch))[1:]


def main() -> None:
    """Read and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plain", help="experiment or revision to compare with")
    parser.add_argument("others", nargs="+", help="experiments or revisions with the same prompts")
    wanted = parser.parse_args()
    reports = load(Paths).reports
    plain = trained(reports, wanted.plain)
    for name in wanted.others:
        for one, other in zip(plain, trained(reports, name), strict=True):
            apart = mean(other.pictures[prompt] - one.pictures[prompt] for prompt in one.pictures)
            print(
                f"{name:12} epoch {other.number}: {other.score:.2f} : {one.score:.2f} of {wanted.plain},"
                f" {apart:+.2f} +- {spread(one, other):.2f}, ratio {other.score / one.score:.2f}"
            )


if __name__ == "__main__":
    main()
