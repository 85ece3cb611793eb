"""All rules over one project, in one pass."""

from dataclasses import dataclass, replace
from pathlib import Path

from sprite_lora.art.colour import parse_hex
from sprite_lora.core.params import Paths
from sprite_lora.dataset.checks.census import Census, order
from sprite_lora.dataset.checks.finding import Found
from sprite_lora.dataset.checks.limits import LENGTHS, Gate
from sprite_lora.dataset.checks.listing import Folder, check_pairing, list_folder
from sprite_lora.dataset.checks.prompts import check_prompt_lengths, check_prompts
from sprite_lora.dataset.checks.scan import Pair, check_pairs
from sprite_lora.dataset.checks.spelling import misspelt
from sprite_lora.dataset.checks.whole_set import check_copied, check_duplicates, check_spelling
from sprite_lora.dataset.package_params import Package
from sprite_lora.dataset.tokens import ClipTokenizer
from sprite_lora.dataset.validate_params import Validate
from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.size import lora_targets
from sprite_lora.results.plan import Plan
from stages.validate.base import check_base, check_disk, check_regularisation
from stages.validate.plan import make_plan
from stages.validate.settings import Settings, check_fit


@dataclass(frozen=True)
class Checked:
    """Every stem that has a sprite or a caption, and what was found beside `Settings.found`."""

    pairs: list[Pair]
    found: list[Found]
    census: Census
    corrections: dict[str, str]
    """Misspelt word to what it should be."""
    gate: Gate | None
    """None where the settings did not allow to look at pairs."""
    sprites: Folder | None = None
    captions: Folder | None = None
    plan: Plan | None = None
    """None where the settings, the base or the regularisation pictures are wrong."""


def check(settings: Settings) -> Checked:
    """Run every rule that the settings allow to run."""
    check_fit(settings)
    paths, rules, package = settings.section(Paths), settings.section(Validate), settings.section(Package)
    if not (paths and rules and package):
        message = "sprites and captions were not looked at: `paths`, `validate` and `package` must be right for that"
        return Checked([], [Found("not-checked", settings.place(), message)], Census(), {}, None)
    found: list[Found] = []
    base_place = settings.place("paths", "base")
    tokenizer = check_base(paths.base, base_place, found)
    limit = settings.value("train", "max_token_length")
    limit = limit if limit in LENGTHS else None
    if not tokenizer or not limit:
        lacking = "train.max_token_length" if tokenizer else "the base model's tokenizer"
        found.append(Found("not-checked", base_place, f"tokens were not counted: {lacking} is needed for that"))
    gate = Gate(
        art_pixels=package.art_pixels,
        background=parse_hex(package.background),
        trigger=rules.trigger,
        hex_tolerance=rules.hex_tolerance,
        max_token_length=limit,
        shuffle_caption=settings.value("train", "shuffle_caption"),
        base=paths.base if tokenizer else None,
    )
    where = settings.place("paths", "regularisation")
    regular = check_regularisation(paths.regularisation, package.resolution, where, found)
    scanned = _check_folders(paths.data, paths.captions, gate, tokenizer, found)
    _check_prompts(settings, scanned, rules.trigger, tokenizer, limit, found)
    train = settings.section(Train)
    if not (tokenizer and train and regular is not None):
        return scanned
    repeats = [picture.repeats for picture in regular]
    plan = make_plan(len(scanned.pairs), package, train, lora_targets(paths.base), repeats)
    check_disk(plan, paths.checkpoints, found)
    return replace(scanned, plan=plan)


def _check_folders(data: Path, texts: Path, gate: Gate, tokenizer: ClipTokenizer | None, found: list[Found]) -> Checked:
    sprites, captions = list_folder(data, ".png", found), list_folder(texts, ".txt", found)
    check_pairing(sprites, captions, found)
    pairs: list[Pair] = []
    census = Census()
    for checked, more, said in check_pairs(sprites, captions, gate, tokenizer):
        pairs += checked
        found += more
        census.merge(said)
    corrections = misspelt(census.words)
    found += check_duplicates(pairs, sprites, captions)
    found += check_spelling(pairs, captions, corrections, census)
    return Checked(pairs, found, census, corrections, gate, sprites, captions)


def _check_prompts(
    settings: Settings,
    checked: Checked,
    trigger: tuple[str, ...],
    tokenizer: ClipTokenizer | None,
    limit: int | None,
    found: list[Found],
) -> None:
    prompts = settings.value("sample", "prompts")
    if not isinstance(prompts, dict):
        return
    prompts = {str(name): prompt for name, prompt in prompts.items() if isinstance(prompt, str)}
    where = {name: settings.place("sample", "prompts", name) for name in prompts}
    # Shuffled tags are learnt in any order, so a prompt may have them in any.
    shuffled = settings.value("train", "shuffle_caption") is not False
    captions = (pair.caption for pair in checked.pairs if pair.caption)
    said = None if shuffled else order(captions, checked.census)
    found += check_prompts(prompts, checked.census, said, trigger, where)
    found += check_copied(prompts, checked.pairs, where)
    negative = settings.value("sample", "negative_prompt")
    if isinstance(negative, str):
        prompts["negative_prompt"] = negative
        where["negative_prompt"] = settings.place("sample", "negative_prompt")
    if tokenizer and limit:
        found += check_prompt_lengths(prompts, tokenizer, limit, where)
