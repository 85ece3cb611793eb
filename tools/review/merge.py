"""Answers that somebody downloaded from a report page, taken into the project's file."""

from pathlib import Path

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.plain_text import plain
from sprite_lora.results.people import rank
from sprite_lora.results.ratings import Rating, Ratings
from sprite_lora.results.scores import Scores


def merge(file: Path, by: str | None, root: Path = Path()) -> str:
    """Take the answers of `file` in, under the name `by` where it is given; say what that changed.

    Raises SpriteLoraError, and changes nothing, where the file is absent, of another form, or of several people who
    would get one name.
    """
    if not file.exists():
        raise SpriteLoraError(f"{plain(str(file))} does not exist")
    given = Ratings.load(file, "have it downloaded again from the report page")
    raters = sorted({rating.by for rating in given.ratings})
    if by is not None and len(raters) > 1:
        raise SpriteLoraError(f"{file} holds answers of {', '.join(raters[:5])}: one name for all would mix them")
    incoming = tuple(rating.model_copy(update={"by": by}) if by else rating for rating in given.ratings)
    held = Ratings.read(root)
    before = {rating.key: rating for rating in held.ratings}
    held.with_all(incoming).write(root)
    return "\n".join([_changes(file, by or ", ".join(raters[:5]), incoming, before), *_next_step(incoming, root)])


def _changes(file: Path, names: str, incoming: tuple[Rating, ...], before: dict[tuple[str, str, str], Rating]) -> str:
    new = sum(rating.key not in before for rating in incoming)
    changed = sum(rating.key in before and before[rating.key] != rating for rating in incoming)
    return (
        f"{file}: {len(incoming)} answers{f' of {names}' if incoming else ''}: {new} new, {changed} in place of "
        f"earlier ones, {len(incoming) - new - changed} known already"
    )


def _next_step(incoming: tuple[Rating, ...], root: Path) -> list[str]:
    if not (root / Scores.place).exists():
        return []
    apply = len(rank(Ratings(ratings=incoming), Scores.read(root).trained).ratings)
    return [f"{apply} are of this run's pictures; dvc repro brings them onto the report page"]
