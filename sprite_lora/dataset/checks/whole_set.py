"""The rules that hold pairs against each other."""

from sprite_lora.dataset.caption import tags, words
from sprite_lora.dataset.checks.census import Census
from sprite_lora.dataset.checks.finding import Found, quote
from sprite_lora.dataset.checks.listing import Folder
from sprite_lora.dataset.checks.scan import Pair


def check_duplicates(pairs: list[Pair], sprites: Folder, captions: Folder) -> list[Found]:
    """Sprites of the same pixels, captions shared by different sprites."""
    first_picture: dict[bytes, str] = {}
    first_caption: dict[str, Pair] = {}
    found = []
    for pair in pairs:
        if pair.digest and (twin := first_picture.setdefault(pair.digest, pair.stem)) != pair.stem:
            found.append(Found("duplicate-sprite", sprites.shown(pair.stem), f"same pixels as {quote(twin)}"))
        if pair.caption is None:
            continue
        same = first_caption.setdefault(pair.caption, pair)
        if same is not pair and (same.digest is None or same.digest != pair.digest):
            message = f"word for word that of {quote(same.stem)}"
            found.append(Found("same-caption", captions.shown(pair.stem), message))
    return found


def check_copied(prompts: dict[str, str], pairs: list[Pair], where: dict[str, str]) -> list[Found]:
    """Prompts that are captions word for word. `where`: a prompt's name to its file and line."""
    names = {prompt.strip(): name for name, prompt in prompts.items()}
    return [
        Found("prompt-caption", where[name], f"prompt {quote(name)} is the caption of {quote(pair.stem)}")
        for pair in pairs
        if pair.caption is not None and (name := names.get(pair.caption))
    ]


def check_spelling(pairs: list[Pair], captions: Folder, corrections: dict[str, str], census: Census) -> list[Found]:
    """Every caption that holds one of the misspelt words, with the tag that it stands in."""
    if not corrections:
        return []
    found = []
    for pair in pairs:
        if pair.caption is None:
            continue
        for word in sorted(set(words(pair.caption)) & corrections.keys()):
            tag = next((tag for tag in tags(pair.caption) if word in words(tag)), word)
            right = corrections[word]
            message = f"{quote(word)} in {quote(tag, 60)}: {quote(right)} is what {census.words[right]} captions say"
            found.append(Found("spelling", captions.shown(pair.stem), message))
    return found
