"""Scores of experiments beside a first one's: what docs/options.md has in its table.

    python -m benchmarks.options plain rank-2 rate-1e-4 ...

Names are DVC experiments of this repository (`dvc exp run -n NAME -S ...`) or Git revisions, the one to compare with
first. Prints a line per run and epoch: score, mean difference over the prompts with its standard error, and ratio.
"""

import argparse
from collections.abc import Sequence
from statistics import mean

import dvc.api

from sprite_lora.results.scores import EpochScore, Scores
from stages.select.paired import differences


def trained(revision: str) -> Sequence[EpochScore]:
    """The trained epochs of a run, from what `score` wrote and Git keeps."""
    name = Scores.place.as_posix()
    return Scores.parse(dvc.api.read(name, rev=revision), f"{name} at {revision}").trained


def main() -> None:
    """Read and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plain", help="experiment or revision to compare with")
    parser.add_argument("others", nargs="+", help="experiments or revisions with the same prompts")
    wanted = parser.parse_args()
    plain = trained(wanted.plain)
    for name in wanted.others:
        for one, other in zip(plain, trained(name), strict=True):
            apart = mean(other.picture_scores[prompt] - score for prompt, score in one.picture_scores.items())
            print(
                f"{name:12} epoch {other.number}: {other.score:.2f} : {one.score:.2f} of {wanted.plain},"
                f" {apart:+.2f} +- {differences(one, other).error:.2f}, ratio {other.score / one.score:.2f}"
            )


if __name__ == "__main__":
    main()
