"""All rules over one project, in one pass."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sprite_lora.art.colour import parse_hex
from sprite_lora.bases.autoencoder import vae_problem
from sprite_lora.bases.registry import family_of
from sprite_lora.bases.weights import model_path
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.params import Paths
from sprite_lora.dataset.checks.caption_rule import CheckSettings
from sprite_lora.dataset.checks.captions import LENGTHS
from sprite_lora.dataset.checks.census import Census, order
from sprite_lora.dataset.checks.finding import Finding
from sprite_lora.dataset.checks.folders import Folder, check_regularisation
from sprite_lora.dataset.checks.pairs import Pair
from sprite_lora.dataset.checks.prompts import Prompt, check_copied, check_prompt, check_prompt_length
from sprite_lora.dataset.checks.whole_set import CheckedSet, check_set
from sprite_lora.dataset.package_params import Package
from sprite_lora.dataset.tokens import ClipTokenizer
from sprite_lora.dataset.validate_params import Validate
from sprite_lora.kohya.sd_scripts import ARGUMENTS, FILES, wrong_script
from sprite_lora.kohya.train_params import Train
from sprite_lora.lora.base_check import check_base
from sprite_lora.lora.size import lora_targets
from sprite_lora.lora.start import start_problem
from sprite_lora.results.plan import Plan
from stages.validate.against_base import check_against_base
from stages.validate.machine import machine_problems
from stages.validate.plan import check_disk, make_plan
from stages.validate.settings import Settings, check_fit


@dataclass(frozen=True)
class Checked:
    """Every stem that has a sprite or a caption, and what was found beside `Settings.found`."""

    pairs: list[Pair]
    found: list[Finding]
    census: Census
    corrections: dict[str, str]
    """Misspelt word to what it should be."""
    settings: CheckSettings | None
    """None where params.yaml did not allow to look at pairs."""
    sprites: Folder | None = None
    captions: Folder | None = None
    plan: Plan | None = None
    """None where the settings, the base or the regularisation pictures are wrong, and where there are no pairs."""


def check(settings: Settings) -> Checked:
    """Run every rule that the settings allow to run."""
    found = list(check_fit(settings))
    paths, rules, package = settings.section(Paths), settings.section(Validate), settings.section(Package)
    if not (paths and rules and package):
        message = "sprites and captions were not looked at: `paths`, `validate` and `package` must be right for that"
        return Checked([], [*found, Finding("not-checked", settings.place(), message)], Census(), {}, None)
    base_place = settings.place("paths", "base")
    tokenizer, unusable_base, configs = check_base(paths.base, base_place)
    if problem := vae_problem(paths.vae, original=settings.value("train", "backend") == "kohya"):
        found.append(Finding("vae", settings.place("paths", "vae"), problem))
    limit = settings.value("train", "max_token_length")
    limit = limit if limit in LENGTHS else None
    found += unusable_base
    if not tokenizer or not limit:
        lacking = "train.max_token_length" if tokenizer else "the base model's tokenizer"
        found.append(Finding("not-checked", base_place, f"tokens were not counted: {lacking} is needed for that"))
    regularisation_place = settings.place("paths", "regularisation")
    regularisation, unusable_pictures = check_regularisation(
        paths.regularisation, package.resolution, regularisation_place
    )
    found += unusable_pictures
    against = CheckSettings(
        art_pixels=package.art_pixels,
        background=parse_hex(package.background),
        trigger=rules.trigger,
        hex_tolerance=rules.hex_tolerance,
        max_token_length=limit,
        shuffle_caption=settings.value("train", "shuffle_caption"),
        base=model_path(paths.base) if tokenizer else None,
    )
    checked = check_set(paths.data, paths.captions, against, tokenizer)
    found += checked.findings
    found += _check_prompts(settings, against, checked, tokenizer)
    plan, train = None, settings.section(Train)
    if train and (unfit := start_problem(paths.network_weights, train.network_dim, train.rank_of_convolutions)):
        found.append(Finding("network-weights", settings.place("paths", "network_weights"), unfit))
    if train:
        found += [settings.finding("machine", ("train", key), message) for key, message in machine_problems(train)]
    if configs and train:
        found += check_against_base(settings, train, configs, family_of(paths.base))
    if tokenizer and train:
        keys = train.model_dump(include=set(ARGUMENTS)) if train.backend == "kohya" else {}
        named = {name: train.kohya_args.get(name) or () for name in FILES}
        for path in (path for one in named.values() for path in (one if isinstance(one, list | tuple) else (one,))):
            if not Path(path).is_file():
                message = f"kohya_args: there is no file {path}"
                found.append(settings.finding("bad-value", ("train", "kohya_args"), message))
        for name, message in wrong_script(keys | train.kohya_args, family_of(paths.base).name):
            found.append(settings.finding("bad-value", ("train", name if name in keys else "kohya_args"), message))
    if tokenizer and train and regularisation is not None and checked.pairs:
        repeats = [picture.repeats for picture in regularisation]
        try:
            plan = make_plan(len(checked.pairs), package, train, lora_targets(paths.base), repeats)
            found += check_disk(plan, paths.checkpoints)
        except SpriteLoraError as error:
            found.append(settings.finding("bad-value", ("train", "save_every_n_epochs"), str(error.args[0])))
    return Checked(
        checked.pairs, found, checked.census, checked.corrections, against, checked.sprites, checked.captions, plan
    )


def _check_prompts(
    settings: Settings, against: CheckSettings, checked: CheckedSet, tokenizer: ClipTokenizer | None
) -> Iterator[Finding]:
    written = settings.value("sample", "prompts")
    if not isinstance(written, dict):
        return
    prompts = [
        Prompt(str(name), text, settings.place("sample", "prompts", str(name)))
        for name, text in written.items()
        if isinstance(text, str)
    ]
    # Shuffled tags are learnt in any order, so a prompt may have them in any.
    shuffled = settings.value("train", "shuffle_caption")
    captions = (pair.caption for pair in checked.pairs if pair.caption)
    tag_order = order(captions, checked.census) if shuffled is False else None
    for prompt in prompts:
        yield from check_prompt(prompt, against.trigger, checked.census, tag_order)
    yield from check_copied(prompts, checked.pairs)
    negative = settings.value("sample", "negative_prompt")
    if isinstance(negative, str):
        prompts.append(Prompt("negative_prompt", negative, settings.place("sample", "negative_prompt")))
    if tokenizer and against.max_token_length:
        for prompt in prompts:
            yield from check_prompt_length(prompt, tokenizer, against.max_token_length)
