"""The rules on one caption's words and tokens."""

from pathlib import Path

from sprite_lora.dataset.caption import HEX_CODE, LINE_END, first_line, tags
from sprite_lora.dataset.checks.finding import Found, quote
from sprite_lora.dataset.checks.limits import Gate, holding
from sprite_lora.dataset.tokens import ClipTokenizer

HUGE = 64 * 1024
"""Bytes. The longest legal caption, 225 tokens, is far below; what is above is not read whole."""

BOM = "\ufeff"


def read_caption(path: Path, shown: str, found: list[Found]) -> str | None:
    """The first line of a caption file less a byte order mark; None where there is nothing to train on."""
    try:
        with path.open("rb") as file:
            content = file.read(HUGE + 1)
    except OSError as error:
        found.append(Found("empty-caption", shown, f"cannot be read: {error.strerror}"))
        return None
    if len(content) > HUGE:
        found.append(
            Found(
                "huge-caption",
                shown,
                f"more than {HUGE // 1024} KiB, beginning {quote(content[:60].decode('utf-8', 'replace'))}",
            )
        )
        return None
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        around = content[max(0, error.start - 20) : error.start + 20].decode("latin-1")
        found.append(Found("not-utf8", shown, f"byte {error.start} is no UTF-8, in {quote(around)}"))
        return None
    if text.startswith(BOM):
        found.append(Found("bom", shown, "begins with a byte order mark, which the trainer would take for a character"))
        text = text[1:]
    caption = first_line(text)
    if not caption:
        found.append(Found("empty-caption", shown, "the first line is empty" if text.strip() else "there is no text"))
        return None
    below = LINE_END.split(text, maxsplit=1)[1:]
    if below and below[0].strip():
        found.append(Found("multi-line", shown, f"only the first line is trained on; not {quote(below[0].strip())}"))
    return caption


def check_words(caption: str, shown: str, gate: Gate, found: list[Found]) -> None:
    """Trigger, repeated tags, lists that shuffling tears."""
    parts = tags(caption)
    trigger = list(gate.trigger)
    if trigger and parts[: len(trigger)] != trigger:
        missing = [tag for tag in trigger if tag not in parts]
        wrong = f"lacks {quote(', '.join(missing))}" if missing else "has the trigger, but not first"
        found.append(Found("trigger", shown, f"{wrong}: it begins {quote(', '.join(parts[: len(trigger)]))}"))
    seen: set[str] = set()
    doubled = dict.fromkeys(tag for tag in parts if tag in seen or seen.add(tag))  # type: ignore[func-returns-value]
    for tag in doubled:
        if not HEX_CODE.fullmatch(tag):
            found.append(Found("duplicate-tag", shown, f"{quote(tag)} stands {parts.count(tag)} times"))
    if gate.shuffle_caption:
        for torn in torn_lists(parts):
            found.append(
                Found("shuffle-splits-list", shown, f"{quote(', '.join(torn))} would be {len(torn)} separate tags")
            )


def torn_lists(parts: list[str]) -> list[list[str]]:
    """Runs of tags that are one list to a reader: behind a colon, within brackets, or bare colour codes in a row."""
    lists: list[list[str]] = []
    at = 0
    while at < len(parts):
        run = [parts[at]]
        if _open_brackets(run[0]):
            run = _until_closed(parts[at:])
        elif HEX_CODE.fullmatch(run[0]) or (":" in run[0] and HEX_CODE.search(run[0])):
            while at + len(run) < len(parts) and HEX_CODE.fullmatch(parts[at + len(run)]):
                run.append(parts[at + len(run)])
        if len(run) > 1:
            lists.append(run)
        at += len(run)
    return lists


def _until_closed(parts: list[str]) -> list[str]:
    """The tags up to the one that closes the first one's bracket; the first alone where none does."""
    for end in range(2, len(parts) + 1):
        if not _open_brackets(", ".join(parts[:end])):
            return parts[:end]
    return parts[:1]


def _open_brackets(text: str) -> bool:
    return text.count("(") > text.count(")")


def too_long(text: str, tokens: int, tokenizer: ClipTokenizer, limit: int) -> str | None:
    """What training would not read of a caption or prompt of so many CLIP tokens; None where `limit` holds it."""
    if tokens <= limit:
        return None
    _, lost = tokenizer.cut(text, limit)
    enough = holding(tokens)
    remedy = f"max_token_length {enough} would hold it" if enough else "no legal length holds it"
    return f"{tokens} tokens, {limit} are read; cut: {quote(lost)}; {remedy}"
