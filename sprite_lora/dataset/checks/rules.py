"""The rules: a stable id each, how bad a case is unless params.yaml says otherwise, and what to do about it.

A rule on one caption is a row here and a function in `captions` (tags, tokens) or `codes` (colour codes), in that
module's table.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """One rule."""

    severity: str
    """`error`, `warning` or `info`, unless params.yaml's validate.severity has another."""
    title: str
    hint: str
    """What to do about a finding."""
    fixed: bool = False
    """Whether it stays an error: no later stage can go on with what it finds."""
    repairable: bool = False
    """Whether `python -m stages.validate --suggest` has a safe repair for it."""


RULES: dict[str, Rule] = {
    # pairing and files
    "no-pairs": Rule(
        "error",
        "nothing to train on",
        "put sprites (*.png) in paths.data and captions (*.txt, same names) in paths.captions",
        fixed=True,
    ),
    "missing-caption": Rule(
        "error", "sprite without caption", "write the caption, or take the sprite out of the folder", fixed=True
    ),
    "missing-sprite": Rule("error", "caption without sprite", "add the sprite, or delete the caption", fixed=True),
    "ignored-file": Rule(
        "warning",
        "file that no stage reads",
        "sprites are *.png, captions *.txt, both flat in their folder: rename it or move it away",
    ),
    "unreadable-file": Rule(
        "error",
        "not a file that can be read",
        "a sprite or caption is a regular file that you may read: move away what is none, or mend its permissions",
        fixed=True,
    ),
    "unsafe-name": Rule(
        "error",
        "file name that breaks tools",
        "rename sprite and caption: letters, digits, space, and . _ - inside, not only differing in case",
        fixed=True,
    ),
    "outside-link": Rule(
        "error",
        "link out of its folder",
        "put a copy of the file there: the dataset's hashes must not depend on other places",
        fixed=True,
    ),
    "unreadable-image": Rule("error", "PNG that cannot be read", "export it again as a plain PNG", fixed=True),
    "off-grid": Rule(
        "error",
        "not on the art-pixel grid",
        "save it as its art pixels, or enlarged by a whole factor with nearest neighbour",
        fixed=True,
    ),
    "off-grid-pixels": Rule(
        "warning",
        "a few pixels off the grid",
        "package sets them to their cell's colour; repaint the sprite to be sure",
    ),
    "transparent": Rule(
        "info", "transparent pixels", "package lays them on package.background; fill them yourself to choose otherwise"
    ),
    "duplicate-sprite": Rule(
        "warning", "same pixels twice", "delete one, with its caption: the picture counts double in training"
    ),
    "empty-caption": Rule("error", "empty caption", "write what is to be seen, on the first line", fixed=True),
    "multi-line": Rule(
        "error", "text below the first line", "join it to one line: the trainer reads the first line only"
    ),
    "bom": Rule("warning", "byte order mark", "save as UTF-8 without BOM; package leaves it out", repairable=True),
    "not-utf8": Rule("error", "caption not in UTF-8", "save it as UTF-8", fixed=True),
    "huge-caption": Rule(
        "error", "caption file far too large", "a caption is one line; is it another file under this name?", fixed=True
    ),
    "control-character": Rule(
        "error",
        "control character in a caption",
        "take it out: it is no text, the tokenizer may take it for a word, and terminals obey it",
        fixed=True,
    ),
    # tokens
    "truncated": Rule(
        "error", "caption longer than training reads", "shorten it, or raise train.max_token_length (75, 150 or 225)"
    ),
    "trigger": Rule(
        "error",
        "trigger missing or not first",
        "start the caption with the tags of validate.trigger, or change those",
        repairable=True,
    ),
    "keep-tokens": Rule(
        "warning",
        "keep_tokens does not match the trigger",
        "set train.keep_tokens to the number of trigger tags: it counts comma tags",
    ),
    "shuffle-splits-list": Rule(
        "warning",
        "list that shuffling tears apart",
        "drop the list, or join its parts without commas, or set train.shuffle_caption: false",
        repairable=True,
    ),
    # colours against pixels
    "hex-invalid": Rule("warning", "not a colour code", "write a hash and six hex digits, or drop it", repairable=True),
    "hex-absent": Rule(
        "warning",
        "code that is no colour of the sprite",
        "take a colour that the sprite has, or drop the code",
        repairable=True,
    ),
    "hex-shared": Rule(
        "error",
        "one code for two features",
        "give each feature its own colour, or drop the code: the model cannot learn two things by one name",
        repairable=True,
    ),
    "hex-duplicate": Rule("warning", "code repeated in a list", "keep it once", repairable=True),
    "hex-unexplained": Rule(
        "warning",
        "code that belongs to no feature",
        "put it in brackets behind what has this colour, or drop it",
        repairable=True,
    ),
    "hex-name": Rule("warning", "word and code disagree", "correct the word or the code", repairable=True),
    "background": Rule("warning", "background not as captioned", "correct the caption's background colour"),
    # language
    "spelling": Rule(
        "warning", "likely misspelt", "correct it: each spelling is learnt as a different thing", repairable=True
    ),
    "duplicate-tag": Rule("warning", "tag twice in one caption", "keep it once", repairable=True),
    "same-caption": Rule(
        "warning", "one caption for different sprites", "say how they differ, or the model learns their average"
    ),
    # prompts
    "prompt-trigger": Rule("error", "prompt without the trigger", "start the prompt as every caption starts"),
    "prompt-unseen": Rule(
        "warning",
        "prompt with words of no caption",
        "use the captions' words: what they never say the LoRA never learnt",
    ),
    "prompt-truncated": Rule(
        "error", "prompt longer than is read", "shorten it, or raise train.max_token_length (75, 150 or 225)"
    ),
    "prompt-caption": Rule(
        "warning", "prompt that is a caption", "change a word or two, or a good picture may be a remembered one"
    ),
    "prompt-form": Rule(
        "warning", "prompt of another form than the captions", "order and end the prompt as the captions do"
    ),
    # settings
    "unknown-key": Rule(
        "error", "unknown key in params.yaml", "the comment behind each key of params.yaml describes it", fixed=True
    ),
    "bad-value": Rule(
        "error",
        "value that is not allowed",
        "the comment behind each key of params.yaml says what it takes",
        fixed=True,
    ),
    "not-checked": Rule("info", "left unchecked", "correct the errors above, then run again"),
    "resolution": Rule("error", "resolution off the grid", "set package.resolution to one of the sizes named"),
    "bucket": Rule(
        "error",
        "setting that crops or blurs",
        "switch bucketing and resizing off: package makes every picture the same size, exactly",
    ),
    "zero-terminal-snr": Rule(
        "warning",
        "zero_terminal_snr where the noise is predicted",
        "it is for bases that predict the velocity (train.v_parameterization); pictures are drawn without it then",
    ),
    "base": Rule(
        "error",
        "base model not usable",
        "paths.base: a whole diffusers folder or one .safetensors file; README tells how to get one",
        fixed=True,
    ),
    "vae": Rule(
        "error",
        "autoencoder not usable",
        "paths.vae: a diffusers autoencoder's folder or a .safetensors file; an empty folder leaves the base's own",
        fixed=True,
    ),
    "network-weights": Rule(
        "error",
        "LoRA to start from not usable",
        "paths.network_weights: one .safetensors file of the ranks to train, or an empty folder",
        fixed=True,
    ),
    "regularisation": Rule(
        "error",
        "regularisation picture not usable",
        "they lie in paths.regularisation/<repeats>_<class>/; an empty folder means none",
        fixed=True,
    ),
    "regularisation-size": Rule(
        "info", "regularisation picture of another size", "resizing blurs pixel art: save it at package.resolution"
    ),
    "machine": Rule(
        "error",
        "setting that this machine cannot do",
        "change it, or train elsewhere: sprite-lora run --on NAME; validate.severity {machine: warning} lets it pass",
    ),
    "disk": Rule("error", "not enough free disk", "free some, or save fewer epochs (train.save_every_n_epochs)"),
}

SEVERITIES = ("error", "warning", "info")
