"""`network_module` and `network_args`: which network is trained, and its own arguments, as data alone.

Facts of LyCORIS (lycoris-lora 4.1.3): arguments and defaults from `lycoris/kohya.py create_network`, presets from
`lycoris/config.py`, as far as the U-Nets and text encoders of Stable Diffusion go. No torch here, and nothing that an
argument names is imported, opened or run.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

LORA, LYCORIS = "networks.lora", "lycoris.kohya"
Module = Literal["networks.lora", "lycoris.kohya"]

ALGORITHMS = ("lora", "locon", "loha", "lokr")
"""`algo`: LoCon under both of its names, LoHa, LoKr. Others draw or write what is not held by a test here."""

OF_LOKR = ("factor", "decompose_both", "full_matrix", "unbalanced_factorization")
SWITCHES = (
    "dora_wd", "wd_on_output", "use_tucker", "use_scalar", "rs_lora", "bypass_mode", "decompose_both", "full_matrix",
    "unbalanced_factorization",
)  # fmt: skip
KNOWN = ("algo", "preset", "factor", *SWITCHES)

OWN_KEYS = {
    "conv_dim": "conv_dim",
    "conv_alpha": "conv_alpha",
    "dropout": "network_dropout",
    "rank_dropout": "rank_dropout",
    "module_dropout": "module_dropout",
}
"""Arguments that are keys of the section `train`, and which."""

TRANSFORMER, CONVOLUTION, ATTENTION = (
    ("Transformer2DModel",),
    ("ResnetBlock2D", "Downsample2D", "Upsample2D"),
    ("Attention",),
)
TEXT_ATTENTION = ("CLIPAttention", "CLIPSdpaAttention")
TEXT = (*TEXT_ATTENTION, "CLIPMLP")
EDGES, TIME = ("conv_in", "conv_out"), ("time_embedding.linear_1", "time_embedding.linear_2")


@dataclass(frozen=True)
class Preset:
    """Which modules a preset of LyCORIS adapts."""

    unet_blocks: tuple[str, ...]
    """Classes of diffusers' U-Net whose Linear and Conv2d modules are adapted."""
    unet_names: tuple[str, ...] = ()
    """Modules outside of the blocks, by diffusers' names, where the family has them (`Family.outer_modules`)."""
    text_blocks: tuple[str, ...] = ()
    convolutions: bool = False
    """Whether convolutions larger than 1x1 are adapted."""


PRESETS = {
    "full": Preset((*TRANSFORMER, *CONVOLUTION), (*EDGES, *TIME), TEXT, convolutions=True),
    "full-lin": Preset((*TRANSFORMER, "ResnetBlock2D"), TIME, TEXT),
    "attn-mlp": Preset(TRANSFORMER, TIME, TEXT),
    "attn-only": Preset(ATTENTION, (), TEXT_ATTENTION),
    "unet-only": Preset((*TRANSFORMER, *CONVOLUTION), (*EDGES, *TIME), convolutions=True),
    "unet-transformer-only": Preset(TRANSFORMER, TIME),
    "unet-convblock-only": Preset(CONVOLUTION, EDGES, convolutions=True),
}
"""LyCORIS has each time embedding of SD1 and SD2 in two of its lists, and stops there; here it is adapted once."""


@dataclass(frozen=True)
class LycorisArgs:
    """What `create_network` reads from `network_args`, with its defaults; ranks and dropout are keys of their own."""

    algo: str = "lora"
    preset: str = "full"
    factor: int = -1
    """LoKr: the smaller side of the Kronecker product; -1 = as square as it goes."""
    dora_wd: bool = False
    """DoRA: weights are decomposed into direction and length (Liu et al., arXiv:2402.09353)."""
    wd_on_output: bool = True
    """DoRA's lengths by output, else by input."""
    use_tucker: bool = False
    use_scalar: bool = False
    rs_lora: bool = False
    """Scale alpha / sqrt(rank) (Kalajdzievski, arXiv:2312.03732)."""
    bypass_mode: bool = False
    """y + dW x in place of (W + dW) x."""
    decompose_both: bool = False
    full_matrix: bool = False
    unbalanced_factorization: bool = False


def lycoris_args(network_args: Sequence[str]) -> LycorisArgs:
    """The arguments of the section, read. Raises ValueError for one that is not known or not allowed."""
    values: dict[str, Any] = {}
    for text in network_args:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals:
            raise ValueError(f"network_args: {text!r} is not key=value, such as algo=lokr")
        if name in OWN_KEYS:
            raise ValueError(f"network_args: {name} has its own key, train.{OWN_KEYS[name]}")
        if name not in KNOWN:
            raise ValueError(f"network_args: {name} is not known here for {LYCORIS}: {', '.join(KNOWN)}")
        if name in values:
            raise ValueError(f"network_args: {name} stands twice")
        values[name] = _value(name, value)
    found = LycorisArgs(**values)
    for name in OF_LOKR:
        if name in values and found.algo != "lokr":
            raise ValueError(f"network_args: {name} does nothing without algo=lokr")
    if found.dora_wd and found.bypass_mode:
        raise ValueError("network_args: dora_wd does nothing with bypass_mode")
    return found


def _value(name: str, value: str) -> Any:
    if name in ("algo", "preset"):
        allowed: tuple[str, ...] = ALGORITHMS if name == "algo" else tuple(PRESETS)
        if value not in allowed:
            raise ValueError(f"network_args: {name}={value}: one of {', '.join(allowed)}")
        return value
    if name == "factor":
        if not value.removeprefix("-").isdecimal() or int(value) == 0 or int(value) < -1:
            raise ValueError(f"network_args: factor={value}: a whole number from 1, or -1")
        return int(value)
    if value not in ("True", "true", "False", "false"):
        raise ValueError(f"network_args: {name}={value}: True or False")
    if name == "decompose_both" and value.lower() == "false":
        raise ValueError("network_args: decompose_both=False: LyCORIS reads any text as True; leave it out")
    return value.lower() == "true"


def problems(values: dict[str, Any]) -> Iterator[str]:
    """What of the network's settings is not allowed; `values`: the section `train`.

    Arguments for sd-scripts itself are LyCORIS' affair, but for those that have a key of their own.
    """
    args = values["network_args"]
    if values["backend"] != "native":
        keyed = [name for name in (text.partition("=")[0].strip() for text in args) if name in OWN_KEYS]
        yield from (f"network_args: {name} has its own key, train.{OWN_KEYS[name]}" for name in keyed)
        yield from (f"network_args: {text!r} would be read as a flag" for text in args if text.startswith("--"))
        return
    if values["network_module"] == LORA:
        for name in (text.partition("=")[0].strip() for text in args):
            own = f"has its own key, train.{OWN_KEYS[name]}" if name in OWN_KEYS else f"is not known for {LORA} here"
            yield f"network_args: {name} {own}"
        return
    try:
        lycoris_args(args)
    except ValueError as error:
        yield str(error)
    for name in ("network_dropout", "rank_dropout"):
        if values.get(name):
            yield (
                f"{name} with {LYCORIS}: its modules draw from the global random state, so that a resumed run would be "
                "another one (and LoHa and LoKr have no network_dropout); module_dropout is there"
            )


def recorded(params: dict[str, Any]) -> dict[str, Any]:
    """kohya's `ss_network_args`: all that is a network argument there, as text, and dropout; empty for none."""
    own = {name: params.get(name) for name in ("conv_dim", "conv_alpha", "rank_dropout", "module_dropout")}
    pairs = [tuple(part.strip() for part in text.partition("=")[::2]) for text in params["network_args"]]
    given = {**dict(pairs), **{name: str(value) for name, value in own.items() if value is not None}}
    return {**given, "dropout": params["network_dropout"]} if given else {}


def read_back(arguments: dict[str, Any]) -> list[str] | None:
    """`network_args` out of a file's `ss_network_args`: those that are no keys of their own; None for none."""
    return [f"{name}={value}" for name, value in arguments.items() if name not in OWN_KEYS] or None
