"""What the captions of a set say, counted: gathered chunk by chunk, bounded by the words that there are."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from sprite_lora.dataset.caption import FEATURE, HEX_CODE, tags, words

FIXED_SHARE = 0.9
"""A tag that this share of the captions holds is part of their form."""

HEAD_SHARE = 0.2
"""A tag's last word takes part in the captions' order when this share of the captions have such a tag."""


@dataclass
class Census:
    """Number of captions that hold each word, and each tag without its codes, in the order of first mention."""

    captions: int = 0
    words: Counter[str] = field(default_factory=Counter)
    tags: Counter[str] = field(default_factory=Counter)

    def add(self, caption: str) -> None:
        """Count one caption."""
        self.captions += 1
        self.words.update(dict.fromkeys(words(caption), 1))
        self.tags.update(dict.fromkeys(plain_tags(caption), 1))

    def merge(self, other: "Census") -> None:
        """Add what another part of the set says."""
        self.captions += other.captions
        self.words.update(other.words)
        self.tags.update(other.tags)

    @property
    def fixed(self) -> dict[str, int]:
        """Tags that nearly every caption holds, commonest first, with the number of captions."""
        return {tag: count for tag, count in self.tags.most_common() if count >= FIXED_SHARE * self.captions}


def plain_tags(caption: str) -> list[str]:
    """The tags without colour codes; tags of codes alone and labels of lists are left out."""
    if "#" in caption:
        caption = HEX_CODE.sub("", FEATURE.sub(lambda match: match[1], caption))
    return [plain for tag in tags(caption) if (plain := tag.strip(" ()")) and plain[-1] != ":"]


def head(tag: str) -> str:
    """What a tag is about: its last word, `hair` of `long black hair`."""
    return tag.rpartition(" ")[2]


@dataclass(frozen=True)
class Order:
    """In what order the captions say things: (earlier, later) to the number of captions that have both so."""

    before: Counter[tuple[str, str]]

    def broken(self, parts: list[str]) -> tuple[str, str] | None:
        """The first two neighbouring tags of `parts` that captions never have in this order, None where all is well."""
        for one, other in pairwise(parts):
            so, reverse = self.before[head(one), head(other)], self.before[head(other), head(one)]
            if reverse >= 5 and so * 20 < reverse:
                return one, other
        return None


def order(captions: Iterable[str], census: Census) -> Order:
    """The order of the attributes that enough captions have."""
    heads = Counter[str]()
    for tag, count in census.tags.items():
        heads[head(tag)] += count
    common = {word for word, count in heads.items() if count >= HEAD_SHARE * census.captions}
    before: Counter[tuple[str, str]] = Counter()
    for caption in captions:
        said = [word for tag in plain_tags(caption) if (word := head(tag)) in common]
        before.update((one, other) for at, one in enumerate(said) for other in said[at + 1 :])
    return Order(before)
