"""The rules that hold pairs against each other."""

from collections import Counter, defaultdict

from stages.caption import tags, words
from stages.validate.finding import Found, quote
from stages.validate.scan import Pair
from stages.validate.spelling import misspelt


def check_set(pairs: list[Pair], sprites: dict[str, str], captions: dict[str, str]) -> list[Found]:
    """Duplicates, shared captions, spelling. `sprites`, `captions`: paths to show, by stem."""
    return [*_same_pixels(pairs, sprites), *_same_caption(pairs, captions), *_spelling(pairs, captions)]


def _same_pixels(pairs: list[Pair], sprites: dict[str, str]) -> list[Found]:
    first: dict[bytes, str] = {}
    found = []
    for pair in pairs:
        if pair.digest and (twin := first.setdefault(pair.digest, pair.stem)) != pair.stem:
            found.append(Found("duplicate-sprite", sprites[pair.stem], f"same pixels as {quote(twin)}"))
    return found


def _same_caption(pairs: list[Pair], captions: dict[str, str]) -> list[Found]:
    first: dict[str, Pair] = {}
    found = []
    for pair in pairs:
        if pair.caption is None:
            continue
        twin = first.setdefault(pair.caption, pair)
        if twin is not pair and (twin.digest is None or twin.digest != pair.digest):
            found.append(Found("same-caption", captions[pair.stem], f"word for word that of {quote(twin.stem)}"))
    return found


def _spelling(pairs: list[Pair], captions: dict[str, str]) -> list[Found]:
    counts: Counter[str] = Counter()
    for pair in pairs:
        counts.update(set(words(pair.caption or "")))
    corrections = misspelt(counts)
    if not corrections:
        return []
    found = []
    for pair in pairs:
        for word in sorted(set(words(pair.caption or "")) & corrections.keys()):
            tag = next((tag for tag in tags(pair.caption or "") if word in words(tag)), word)
            right = corrections[word]
            message = f"{quote(word)} in {quote(tag, 60)}: {quote(right)} is what {counts[right]} captions say"
            found.append(Found("spelling", captions[pair.stem], message))
    return found


def word_counts(pairs: list[Pair]) -> Counter[str]:
    """Number of captions that hold each word."""
    counts: Counter[str] = Counter()
    for pair in pairs:
        counts.update(set(words(pair.caption or "")))
    return counts


def leading_tags(captions: list[str], share: float) -> list[str]:
    """The longest run of tags with which at least `share` of the captions begin."""
    run: list[str] = []
    left = [tags(caption) for caption in captions]
    while left:
        votes = Counter(parts[len(run)] for parts in left if len(parts) > len(run))
        if not votes:
            break
        tag, count = votes.most_common(1)[0]
        if count < share * len(captions):
            break
        run.append(tag)
        left = [parts for parts in left if len(parts) >= len(run) and parts[len(run) - 1] == tag]
    return run


def positions(captions: list[str]) -> dict[str, list[int]]:
    """Tag to its place in each caption that has it."""
    places: dict[str, list[int]] = defaultdict(list)
    for caption in captions:
        for at, tag in enumerate(tags(caption)):
            places[tag].append(at)
    return places
