"""What of a caption a picture is trained with at one use."""

from sprite_lora.core import rng


def training_caption(
    caption: str, shuffle: bool, keep_tokens: int, dropout_rate: float, seed: int, batch: int, place: int
) -> str:
    """A caption as kohya's `process_caption` changes it for one use, a function of (seed, batch, place in the batch).

    Dropout comes first and empties the caption. Only where shuffle is on is the text split on commas: the first
    `keep_tokens` tags (not CLIP tokens) stay, the others change places, ", " joins them. Otherwise it is untouched.
    """
    if dropout_rate > 0 and rng.uniform((), seed, "caption dropout", batch, place).item() < dropout_rate:
        return ""
    if not shuffle:
        return caption
    tags = [tag.strip() for tag in caption.strip().split(",")]
    fixed, flexible = tags[:keep_tokens], tags[keep_tokens:]
    order = rng.permutation(len(flexible), seed, "shuffle caption", batch, place)
    return ", ".join(fixed + [flexible[index] for index in order])
