"""Rate pairs of the drawn pictures on a page of this machine; the report then ranks the epochs by what people prefer.

Two pictures of one prompt stand side by side, and their epochs stay hidden. Answers lie in ratings/ratings.json, which
belongs into Git; `dvc repro` brings them onto the report page. Ctrl-C ends it; started again, it goes on.
"""

import asyncio
import re
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import click
from filelock import FileLock, Timeout

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.params import FILE, Paths, load
from sprite_lora.lora.epochs import epoch_folder
from sprite_lora.results.people import rank
from sprite_lora.results.ratings import RATER, Ratings
from sprite_lora.results.scores import Scores
from sprite_lora.scoring.score_params import Score
from tools.review.fit import fit_weights
from tools.review.merge import merge
from tools.review.session import Session
from tools.review.weights import words, write_weights

LOCK = Paths.state / "review.lock"


class RaterName(click.ParamType[str]):
    """A name as ratings/ratings.json takes it."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Raises click's error for any other."""
        if not re.fullmatch(RATER, value):
            self.fail("at most 40 letters, digits, blanks and . _ -", param, ctx)
        return value


@click.command(help=__doc__)
@click.option(
    "--by", type=RaterName(), help="Whose answers these are; several people need several names.  [default: me]"
)
@click.option("--no-open", is_flag=True, help="Only print the page's address, open no browser.")
@click.option(
    "--import", "imported", metavar="FILE", type=click.Path(path_type=Path),
    help="Take in the answers that somebody downloaded from a report page; --by gives them another name.",
)  # fmt: skip
@click.option("--fit", is_flag=True, help="Fit score.lost to the answers, and say how well that predicts others.")
@click.option("--write", is_flag=True, help="With --fit: put the weights into params.yaml, if they predict better.")
def command(by: str | None, no_open: bool, imported: Path | None, fit: bool, write: bool) -> None:
    if write and not fit:
        raise click.UsageError("--write goes with --fit")
    if imported is not None and fit:
        raise click.UsageError("--import and --fit are two steps")
    if imported is not None:
        with alone():
            print(merge(imported, by))
    elif fit:
        fit_and_say(write)
    else:
        serve(by or "me", no_open)


def fit_and_say(write: bool) -> None:
    """Print the fitted weights; with `write`, put them into params.yaml where they predict better."""
    scores, score = Scores.read(), load(Score)
    stale = [metric.name for metric in scores.metrics if metric.weight != score.lost.of(metric.name)]
    if stale:
        raise SpriteLoraError(f"{Scores.place} was made with other weights of {', '.join(stale)}", "dvc repro score")
    found = fit_weights(rank(Ratings.read(), scores.trained), score)
    print(words(found))
    if not write:
        return
    if not found.better:
        raise SpriteLoraError("nothing is written: the weights predict no better than today's", "rate more pairs")
    write_weights(found.fitted)
    print(f"{FILE}: score.lost has these weights now; dvc repro scores anew")


@contextmanager
def alone() -> Iterator[None]:
    """Raises SpriteLoraError where another `review` works in this project."""
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise SpriteLoraError("sprite-lora review runs in this project already", "go on there, or end it") from None
    try:
        yield
    finally:
        lock.release()


def serve(by: str, no_open: bool) -> None:
    """Serve the page until Ctrl-C."""
    try:
        from tools.review.server import Server
    except ModuleNotFoundError as error:
        raise SpriteLoraError(
            f"review needs {error.name}, which is not installed", "pip install 'sprite-lora[review]'"
        ) from None
    with alone():
        trained = Scores.read().trained
        session = Session(trained, by)
        pictures = {
            picture.pixels: epoch_folder(Paths.samples, epoch.number) / f"{picture.name}.png"
            for epoch in trained
            for picture in epoch.drawn
        }
        turn = session.turn()

        def ready(address: str) -> None:
            print(
                f"{turn.rated} of {turn.pairs} pairs are rated by {by}. Rate at:\n{address}\nCtrl-C ends it.",
                flush=True,
            )
            if not no_open:
                Thread(target=webbrowser.open, args=(address,), daemon=True).start()  # some return when they end

        asyncio.run(Server(session, pictures).run(ready))
    print(f"\n{len(Ratings.read().ratings)} answers in {Ratings.place}; dvc repro brings them onto the report page")
