"""Captions, and what becomes of pictures."""

from typing import Annotated, Literal

from pydantic import Field

from sprite_lora.core.params import Section
from sprite_lora.kohya.flags import DATA, NOT_COMPARED, ON, Flag, flag, kohya

_SHUFFLED = (("shuffle_caption", (True,)), ("caption_tag_dropout_rate", (ON,)))


class Data(Section):
    """Fields of the section `train`."""

    # fmt: off
    shuffle_caption: bool = flag(False, DATA, metadata="ss_shuffle_caption", subset="shuffle_caption",
        comment="true = shuffle a caption's comma-separated tags at each use",
        effect="tags in random order: no tag is learned by its place")
    keep_tokens: int = flag(0, DATA, metadata="ss_keep_tokens", subset="keep_tokens", needs=_SHUFFLED, ge=0,
        comment="int; first tags (not CLIP tokens) that stay where they are",
        effect="tags at the front that are not shuffled: the trigger stays first")
    caption_dropout_rate: Annotated[float, Field(ge=0, le=1)] = flag(0.0, DATA, metadata="ss_caption_dropout_rate",
        comment="float 0..1; share of uses with an empty caption", effect="share of steps that see no caption")
    caption_tag_dropout_rate: Annotated[float, Field(ge=0, le=1)] = flag(0.0, DATA,
        metadata="ss_caption_tag_dropout_rate",
        comment="float 0..1; share of tags behind keep_tokens that are left out at each use",
        effect="share of tags left out")
    caption_dropout_every_n_epochs: Annotated[int, Field(ge=0)] = flag(0, DATA,
        metadata="ss_caption_dropout_every_n_epochs",
        comment="int; every so many epochs all captions are empty; 0 = never", effect="epochs that see no caption")
    max_token_length: Literal[75, 150, 225] = flag(75, DATA, required=True, metadata="ss_max_token_length",
        comment="75 | 150 | 225 CLIP tokens of a caption or prompt; what is over is cut off",
        effect="captions are cut after this many tokens, silently")
    cache_latents: bool = flag(False, DATA, metadata="ss_cache_latents",
        comment="true = one latent per picture for the whole run; false = a new draw at each use",
        effect="each picture is encoded once: one random draw of its latent for all epochs")
    # fmt: on


# fmt: off
BESIDE: tuple[Flag, ...] = (
    Flag("vae", DATA, None, "another autoencoder than the base's own: other latents, and other edges in pictures",
        metadata="ss_vae_name", written=False, section="paths"),
    Flag("caption_extension", DATA, ".caption", "which files are captions; none there: the folder's name is learned"),
    kohya("weighted_captions", DATA, False, "brackets in captions weigh words", after="max_token_length"),
    Flag("num_repeats", DATA, None, "how often an epoch shows each picture: multiplies the steps", subset="num_repeats",
        section="package"),
    Flag("num_train_images", DATA, None, "pictures trained on"),
    Flag("art_pixels", DATA, None, "side of the sprite's own grid", section="package", backends=("native",)),
    Flag("background", DATA, None, "colour under transparent pixels", section="package", backends=("native",)),
    kohya("flip_aug", DATA, False, "pictures are mirrored at random", metadata="ss_flip_aug", subset="flip_aug"),
    kohya("color_aug", DATA, False, "colours are varied at random: hex codes lose their meaning",
        metadata="ss_color_aug", subset="color_aug"),
    kohya("random_crop", DATA, False, "pictures are cut at random", metadata="ss_random_crop", subset="random_crop",
        refused="would cut off parts of every sprite"),
    kohya("face_crop_aug_range", NOT_COMPARED, None, metadata="ss_face_crop_aug_range",
        refused="would cut off parts of every sprite"),
    kohya("max_data_loader_n_workers", DATA, 8, "kohya's order of pictures, and so each batch, hangs on it",
        after="cache_latents"),
)
# fmt: on
"""Rows that are no key of `train`."""
