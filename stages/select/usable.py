"""Whether an epoch can be used, by what `select.production_ready` asks."""

from sprite_lora.results.scores import EpochScore
from sprite_lora.scoring.copies import COPIES
from sprite_lora.scoring.select_params import Select


def objections(epoch: EpochScore, rule: Select, base: EpochScore | None) -> list[str]:
    """Why an epoch is not usable, in sentences; empty where it is. People's ratings do not count here."""
    ready, found = rule.production_ready, []
    if epoch.score < ready.least_score:
        found.append(
            f"Epoch {epoch.number} scores {epoch.score:.2f} of 10, less than {ready.least_score:g} "
            "(select.production_ready.least_score)."
        )
    failed = sum(picture.score < ready.failed_below for picture in epoch.drawn)
    if failed > ready.most_failed * len(epoch.drawn):
        found.append(
            f"{failed} of its {len(epoch.drawn)} pictures score less than {ready.failed_below:g}; at most "
            f"{ready.most_failed:.0%} may (select.production_ready.most_failed)."
        )
    if base is not None and epoch.score <= base.score:
        found.append(
            f"It does not beat the untouched base ({base.score:.2f}): look at the pictures, then at captions, prompts "
            "and learning rates."
        )
    copied = epoch.faults[COPIES.name]
    if copied > rule.copied_limit:
        found.append(
            f"{copied:.0%} of it is copied from training sprites; at most {rule.copied_limit:.0%} may be "
            "(select.copied_limit)."
        )
    return found
