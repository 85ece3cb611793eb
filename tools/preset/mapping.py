"""sd-scripts' flags put into the sections of params.yaml, and what has no place there."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sprite_lora.bases.seeds_params import SampleSeeds
from sprite_lora.core.params import section_problems
from sprite_lora.dataset.package_params import Package
from sprite_lora.kohya.flags import NOT_COMPARED, SPEED
from sprite_lora.kohya.train_params import FLAGS, Train
from tools.preset.edit import Overlay, Setting, same, written
from tools.preset.foreign import Configuration
from tools.preset.places import ARGUMENTS, DEPENDENTS, ELSEWHERE, OF_SD_SCRIPTS, SAME_HERE, SAMPLERS, USERS_OWN
from tools.preset.secrets import is_secret
from tools.preset.values import allowed, numbers, plain, shown

KOHYA_ARGS = "kohya_args"
NETWORK = "network_module"


@dataclass
class _Import:
    """One configuration on its way into params.yaml."""

    content: dict[str, Any]
    """A valid params.yaml."""
    whole: bool
    """As `Configuration.whole`."""
    train: dict[str, Any] = field(default_factory=dict)
    package: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    """Keys of `train` that the file sets to what they can't be."""

    def refuse(self, name: str, value: Any, reason: str) -> None:
        self.left_out.append(f"{shown(name)} = {shown(value)}: {reason}")
        self.refused.add(name)


def mapped(found: Configuration, content: dict[str, Any]) -> tuple[Overlay, list[str]]:
    """Settings for a valid params.yaml, and what has no place in it: a line each, with the reason.

    A flag that a whole configuration does not give gets kohya's default, unless it is about speed or a file's name.
    """
    work = _Import(content, found.whole, left_out=list(found.left_out))
    flags = dict(_readable(work, found.flags))
    flags = flags | dict(_network_args(flags))
    flags |= _attention(flags) | _own_rates(work, flags) | _first_rate(work, flags) | _warm_up(work, flags)
    backend = content["train"]["backend"]
    for name, value in flags.items():
        if name in Train.model_fields and name not in USERS_OWN:
            _take(work, name, value, backend)
        elif name in ("resolution", "num_repeats"):
            _package(work, name, value)
        elif not _without_effect(name, value):
            _no_key(work, name, value, backend)
    _drop_dependents(work, flags)
    if found.whole and "num_repeats" not in flags:
        kept = f"package.num_repeats stays {content['package']['num_repeats']}"
        work.left_out.append(f"num_repeats: stands in the name of the pictures' folder there; {kept}")
    if found.whole:
        work.train = _defaults(work, backend) | work.train
    _count(work, flags)
    _drop_conflicts(work, flags)
    _drop_one_by_one(work, flags)
    overlay = {"package": work.package, "train": work.train, "sample": dict(_sampling(work, found.sampling))}
    return {section: _settings(section, values) for section, values in overlay.items() if values}, work.left_out


def _readable(work: _Import, flags: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in flags.items():
        if is_secret(name, value):
            if value not in ("", None, False):
                work.left_out.append(f"{shown(name)}: looks like a secret, so it is neither copied nor shown")
                work.refused.add(name)
        elif not plain(value):  # not shown, since a table may hold secrets under names of its own
            reason = ELSEWHERE.get(name) or "no number, text or list that a flag can have"
            work.left_out.append(f"{shown(name)}: {reason}")
            work.refused.add(name)
        else:
            yield name, value


def _network_args(flags: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Arguments of the network that have a key of their own here; the others stay together."""
    arguments = flags.get("network_args")
    if not isinstance(arguments, list):
        return
    pairs = [str(argument).partition("=") for argument in arguments]
    pairs = [(ARGUMENTS.get(name, name), equals, value) for name, equals, value in pairs]
    keyed = {name: value for name, _, value in pairs if name in Train.model_fields}
    yield from keyed.items()
    yield "network_args", [f"{name}{equals}{value}" for name, equals, value in pairs if name not in keyed]


def _warm_up(work: _Import, flags: dict[str, Any]) -> dict[str, Any]:
    """A constant rate has no warm-up: kohya_ss does not pass one on, and sd-scripts stops with one."""
    without = flags.get("lr_scheduler", "constant" if work.whole else "") in ("constant", "adafactor")
    steps = numbers(flags.get("lr_warmup_steps"))
    if not without or not steps or not steps[0]:
        return {}
    scheduler = flags.get("lr_scheduler", "constant")
    work.left_out.append(
        f"lr_warmup_steps = {shown(flags['lr_warmup_steps'])}: lr_scheduler {scheduler} has no warm-up"
    )
    return {"lr_warmup_steps": 0}


def _attention(flags: dict[str, Any]) -> dict[str, Any]:
    """Of the two kinds of fast attention, one excludes the other."""
    for chosen, other in (("xformers", "sdpa"), ("sdpa", "xformers")):
        if flags.get(chosen) is True:
            return {other: False}
    return {}


def _first_rate(work: _Import, flags: dict[str, Any]) -> dict[str, Any]:
    """Of several rates of text encoders the one that sd-scripts trains all of them at (`train_network.py`)."""
    rates = numbers(flags.get("text_encoder_lr"))
    if len(rates) < 2:
        return {}
    if len(set(rates)) > 1:
        reason = "sd-scripts trains all text encoders at the first rate, so it alone is taken"
        work.left_out.append(f"text_encoder_lr = {shown(flags['text_encoder_lr'])}: {reason}")
    return {"text_encoder_lr": rates[0]}


def _count(work: _Import, flags: dict[str, Any]) -> None:
    """Length and interval in epochs where the file gives epochs, as in sd-scripts; else in steps."""
    for epochs, steps in (("max_train_epochs", "max_train_steps"), ("save_every_n_epochs", "save_every_n_steps")):
        given = {name: work.train.pop(name, None) for name in (epochs, steps)}
        given = {name: value for name, value in given.items() if value and flags.get(name)}
        if epochs in given:
            work.train |= {epochs: given[epochs], steps: None}
            if steps in given:
                work.refuse(steps, given[steps], f"{epochs} decides")
        elif steps in given:
            work.train |= {epochs: None, steps: given[steps]}


def _own_rates(work: _Import, flags: dict[str, Any]) -> dict[str, Any]:
    """Adafactor with rates of its own: sd-scripts replaces the schedule (library/train_util.py, `get_optimizer`)."""
    if str(flags.get("optimizer_type")).lower() != "adafactor" or "relative_step=False" in str(
        flags.get("optimizer_args")
    ):
        return {}
    if flags.get("lr_scheduler", "adafactor") != "adafactor":
        reason = "Adafactor sets its own rates without relative_step=False, so sd-scripts takes the schedule adafactor"
        work.left_out.append(f"lr_scheduler = {shown(flags['lr_scheduler'])}: {reason}")
    return {"lr_scheduler": "adafactor", "lr_warmup_steps": 0}


def _take(work: _Import, name: str, value: Any, backend: str) -> None:
    """A flag with a key in `train`."""
    if backend not in FLAGS[name].backends and not _without_effect(name, value):
        work.refuse(name, value, f"the backend {backend} does not know it")
        return
    accepted, reason = allowed(work.content["train"], name, value)
    if reason:
        # sd-scripts knows more values of some flags, such as optimizers, than a key takes.
        if _passed_on(work, name, value, backend):
            work.refuse(name, value, reason)
    elif backend in FLAGS[name].backends:
        work.train[name] = accepted


def _package(work: _Import, name: str, value: Any) -> None:
    sides = set(numbers(value))
    if len(sides) == 2:
        work.refuse(name, value, "training pictures are square here")
        return
    problems = section_problems(Package, work.content["package"] | {name: next(iter(sides), None)})
    if problems:
        work.refuse(name, value, problems[0][1].partition(": ")[2])
    else:
        work.package[name] = sides.pop()


def _no_key(work: _Import, name: str, value: Any, backend: str) -> None:
    """A flag without a key: sd-scripts itself may get it, if it is the backend."""
    row = FLAGS.get(name)
    reason = ELSEWHERE.get(name) or (row.refused if row else "")
    if not reason and row and row.section not in ("", "train"):
        reason = f"{row.section}.{name} is your own"
    if not reason:
        reason = _passed_on(work, name, value, backend)
    if reason:
        work.refuse(name, value, reason)


def _passed_on(work: _Import, name: str, value: Any, backend: str) -> str:
    """Put a flag into `kohya_args`, which sd-scripts gets as it is; why that can't be, empty where it was done."""
    if backend != "kohya" or KOHYA_ARGS not in Train.model_fields:
        unknown = "sd-scripts alone has this flag" if name in FLAGS else "params.yaml has no such key"
        return OF_SD_SCRIPTS.get(name, unknown)
    reason = ""
    held = work.train.get(KOHYA_ARGS, {} if work.whole else work.content["train"].get(KOHYA_ARGS, {}))
    for one in (value, *numbers(value)[:1]):
        problems = section_problems(Train, work.content["train"] | {KOHYA_ARGS: {name: one}})
        if not problems:
            work.train[KOHYA_ARGS] = {**held, name: one}
            return ""
        message = problems[0][1]
        reason = reason or message.partition(f"kohya_args: `{name}` ")[2] or message
    return reason


def _without_effect(name: str, value: Any) -> bool:
    """Whether a flag says what is so anyway."""
    if value in ("", None, False) or value == [] or (name in SAME_HERE and value in SAME_HERE[name]):
        return True
    row = FLAGS.get(name)
    if row is None or row.default is None:
        return False
    read = numbers(value) or [value]
    return len(read) == 1 and same(read[0], row.default)


def _drop_dependents(work: _Import, flags: dict[str, Any]) -> None:
    """Values that belong to another that was refused, such as the rates of an optimizer, are not taken either."""
    for head, dependents in DEPENDENTS.items():
        if head in work.refused:
            chosen = f" {shown(flags[head])}" if head in flags else ""
            for name in sorted(dependents & work.train.keys()):
                del work.train[name]
                if name in flags:
                    work.refuse(name, flags[name], f"belongs to {head}{chosen}")
            work.refused |= dependents


def _drop_conflicts(work: _Import, flags: dict[str, Any]) -> None:
    """A network whose arguments are known but not allowed together, with all that belongs to it."""
    conflict = _conflict(work, work.train)
    if conflict and NETWORK in work.train:
        group = {NETWORK, *DEPENDENTS[NETWORK]}
        if work.train[NETWORK] == "networks.lora" and not _conflict(work, work.train | {"network_args": []}):
            work.train["network_args"] = []
            work.refuse("network_args", flags.get("network_args"), conflict)
        elif not _conflict(work, {name: value for name, value in work.train.items() if name not in group}):
            del work.train[NETWORK]
            work.refuse(NETWORK, flags.get(NETWORK), conflict)
            _drop_dependents(work, flags)


def _drop_one_by_one(work: _Import, flags: dict[str, Any]) -> None:
    """While keys do not fit together, leave out one that the file gives and without which they do."""
    while conflict := _conflict(work, work.train):
        for name in [name for name in work.train if name in flags]:
            if not _conflict(work, {key: value for key, value in work.train.items() if key != name}):
                del work.train[name]
                work.refuse(name, flags[name], conflict)
                break
        else:
            return


def _conflict(work: _Import, train: dict[str, Any]) -> str:
    """What is wrong with the section as it would be; empty where nothing is."""
    problems = section_problems(Train, work.content["train"] | train)
    return problems[0][1].rpartition("value error, ")[2] if problems else ""


def _defaults(work: _Import, backend: str) -> dict[str, Any]:
    """kohya's defaults of all that was not given and may have them."""
    found = {}
    for name, key in Train.model_fields.items():
        row = FLAGS[name]
        kept = name in USERS_OWN or name in work.refused
        kept = kept or (row.group in (SPEED, NOT_COMPARED) and name != KOHYA_ARGS)
        if not kept and backend in row.backends:
            default, reason = allowed(work.content["train"], name, row.default if key.is_required() else key.default)
            if not reason:
                found[name] = default
    return found


def _sampling(work: _Import, found: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in found.items():
        if name == "scheduler" and value not in SAMPLERS:
            work.refuse("sample_sampler", value, "sample.scheduler has no such sampler")
        elif name == "scheduler":
            yield name, SAMPLERS[value]
        elif not section_problems(SampleSeeds, work.content["sample"] | {name: numbers(value)[0]}):
            yield name, numbers(value)[0]


def _settings(section: str, values: dict[str, Any]) -> dict[str, Setting]:
    order = [*Train.model_fields] if section == "train" else [*values]
    described = {name: key.description or "" for name, key in Train.model_fields.items()} if section == "train" else {}
    return {
        name: Setting(values[name], written(values[name]), described.get(name, "")) for name in order if name in values
    }
