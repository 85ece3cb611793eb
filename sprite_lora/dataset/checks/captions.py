"""Reading a caption, and the rules on its tags and tokens.

To add a rule on one caption: its row in `rules.RULES`, and here (or in `codes`) its function and a line in the table.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import open_regular
from sprite_lora.dataset.caption import HEX_CODE, LINE_END, MAX_BYTES, control_character, first_line
from sprite_lora.dataset.checks.caption_rule import Caption, CaptionRule
from sprite_lora.dataset.checks.codes import CODE_RULES
from sprite_lora.dataset.checks.finding import Finding, quote, shown
from sprite_lora.dataset.tokens import ClipTokenizer

LENGTHS = (75, 150, 225)
"""What train.max_token_length may be: whole CLIP windows of 75 tokens."""

BOM = "\ufeff"


class ReadCaption(NamedTuple):
    """A caption file's text, and what is wrong with the file."""

    text: str | None
    """The first line less a byte order mark; None where there is nothing to train on."""
    findings: list[Finding]


def read_caption(path: Path) -> ReadCaption:
    """The caption in a file: at most MAX_BYTES of it are read."""
    file = shown(path)
    try:
        with open_regular(path) as opened:
            content = opened.read(MAX_BYTES + 1)
            size = os.fstat(opened.fileno()).st_size
    except SpriteLoraError as error:
        return ReadCaption(None, [Finding("unreadable-file", file, str(error.args[0]).removeprefix(f"{path}: "))])
    if len(content) > MAX_BYTES:
        beginning = quote(content[:60].decode("utf-8", "replace"))
        message = f"{size:,} bytes, at most {MAX_BYTES:,} are read, beginning {beginning}"
        return ReadCaption(None, [Finding("huge-caption", file, message)])
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        around = content[max(0, error.start - 20) : error.start + 20].decode("latin-1")
        message = f"byte {error.start} is no UTF-8, in {quote(around)}"
        return ReadCaption(None, [Finding("not-utf8", file, message)])
    findings = []
    if text.startswith(BOM):
        message = "begins with a byte order mark, which the trainer would take for a character"
        findings.append(Finding("bom", file, message))
        text = text[1:]
    caption = first_line(text)
    if not caption:
        message = "the first line is empty" if text.strip() else "there is no text"
        return ReadCaption(None, [*findings, Finding("empty-caption", file, message)])
    if control := control_character(caption):
        message = f"the control character U+{ord(control):04X} after {quote(caption.partition(control)[0], 60)}"
        return ReadCaption(None, [*findings, Finding("control-character", file, message)])
    below = LINE_END.split(text, maxsplit=1)[1:]
    if below and below[0].strip():
        message = f"only the first line is trained on; not {quote(below[0].strip())}"
        findings.append(Finding("multi-line", file, message))
    return ReadCaption(caption, findings)


def check_caption(caption: Caption, file: str) -> Iterator[Finding]:
    """Every rule that looks at one caption. `file`: as findings name it."""
    for rule, find in CAPTION_RULES.items():
        for message in find(caption):
            yield Finding(rule, file, message)


def missing_trigger(caption: Caption) -> Iterator[str]:
    """The trigger's tags are not the first."""
    trigger, tags = list(caption.settings.trigger), caption.tags
    begins = tags[: len(trigger)]
    if begins != trigger:
        missing = [tag for tag in trigger if tag not in tags]
        wrong = f"lacks {quote(', '.join(missing))}" if missing else "has the trigger, but not first"
        yield f"{wrong}: it begins {quote(', '.join(begins))}"


def repeated_tags(caption: Caption) -> Iterator[str]:
    """A tag stands more than once. Colour codes alone are not counted here."""
    if len(set(caption.tags)) == len(caption.tags):
        return
    for tag, count in Counter(caption.tags).items():
        if count > 1 and not HEX_CODE.fullmatch(tag):
            yield f"{quote(tag)} stands {count} times"


def split_lists(caption: Caption) -> Iterator[str]:
    """Training shuffles the tags, and so would tear a list apart."""
    if caption.settings.shuffle_caption:
        for run in lists(caption.tags):
            yield f"{quote(', '.join(run))} would be {len(run)} separate tags"


def cut_off(caption: Caption) -> Iterator[str]:
    """The caption has more tokens than training reads."""
    limit = caption.settings.max_token_length
    if caption.tokenizer and caption.tokens and limit:
        yield from too_long(caption.text, caption.tokens, caption.tokenizer, limit)


CAPTION_RULES: dict[str, CaptionRule] = {
    "trigger": missing_trigger,
    "duplicate-tag": repeated_tags,
    "shuffle-splits-list": split_lists,
    "truncated": cut_off,
    **CODE_RULES,
}
"""The rules that look at one caption, by id."""


def lists(tags: list[str]) -> list[list[str]]:
    """Runs of tags that are one list to a reader: behind a colon, within brackets, or bare colour codes in a row."""
    found: list[list[str]] = []
    ends = _ends(tags)
    at = 0
    while at < len(tags):
        run = tags[at : ends[at]]
        if len(run) == 1 and (HEX_CODE.fullmatch(run[0]) or (":" in run[0] and HEX_CODE.search(run[0]))):
            while at + len(run) < len(tags) and HEX_CODE.fullmatch(tags[at + len(run)]):
                run.append(tags[at + len(run)])
        if len(run) > 1:
            found.append(run)
        at += len(run)
    return found


def _ends(tags: list[str]) -> list[int]:
    """For each tag, where the run ends that closes the brackets it opens: behind itself where none are open, or close.

    In time linear in the tags, whatever they are.
    """
    ends = list(range(1, len(tags) + 1))
    waiting: list[tuple[int, int]] = []  # (brackets open before the tag, its place), ever more of them
    level = 0
    for place, tag in enumerate(tags):
        before, level = level, level + tag.count("(") - tag.count(")")
        if level > before:
            waiting.append((before, place))
        while waiting and waiting[-1][0] >= level:
            ends[waiting.pop()[1]] = place + 1
    return ends


def too_long(text: str, tokens: int, tokenizer: ClipTokenizer, limit: int) -> Iterator[str]:
    """What training would not read of a caption or prompt of so many CLIP tokens; nothing where `limit` holds it."""
    if tokens > limit:
        _, lost = tokenizer.cut(text, limit)
        enough = smallest_length(tokens)
        remedy = f"max_token_length {enough} would hold it" if enough else "no legal length holds it"
        yield f"{tokens} tokens, {limit} are read; cut: {quote(lost)}; {remedy}"


def smallest_length(tokens: int) -> int | None:
    """The smallest legal max_token_length that holds so many tokens; None where none does."""
    return next((length for length in LENGTHS if tokens <= length), None)
