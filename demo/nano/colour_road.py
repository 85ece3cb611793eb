"""A start for the autoencoder that already carries block colours: encode = mean of 8x8, decode = repeat 8x8.

Random weights take hours on a CPU to find that a latent cell can simply hold its block's mean colour. So the
first three channels are wired to do that, and every residual branch starts at zero; the rest stays random and
training finds what else the fourth latent channel and the remaining width are good for.

Two tricks make a straight road through GroupNorm and SiLU at both ends:
silu(x) - silu(-x) = x, so each colour travels as a pair of opposite channels; and a pair of constants +K, -K in the
same group holds the group's mean at 0 and its deviation near a known value, which the affine weight undoes.
"""

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

K = 8.0
LOG_VARIANCE = -7.0  # Deviation 0.03 of the latents' own unit: the decoder learns to stand small errors.


@torch.no_grad()
def lay_road(autoencoder: AutoencoderKL, gain: float) -> None:
    """Wire the road into a new autoencoder, in place. Latents are colours in [-1, 1] times `gain`."""
    encoder, decoder = autoencoder.encoder, autoencoder.decoder
    for module in autoencoder.modules():
        if type(module).__name__ == "ResnetBlock2D":
            module.conv2.weight.mul_(0.0)
            module.conv2.bias.mul_(0.0)
            if module.conv_shortcut is not None:
                _pass(module.conv_shortcut, 1.0)
    _pass(encoder.conv_in, 1.0)
    downs = [block.downsamplers[0].conv for block in encoder.down_blocks if block.downsamplers]
    for conv in downs:
        _pass(conv, 1.0)
        conv.weight[:3] = 0.0
        for channel in range(3):  # The kernel's first two rows and columns are the 2x2 block.
            conv.weight[channel, channel, :2, :2] = 0.25
    _split_colours(downs[-1], group=12, groups=1)
    _join_colours(encoder.conv_norm_out, encoder.conv_out, group=12, groups=1, scale=gain)
    _logvar(encoder.conv_out)
    nn.init.dirac_(autoencoder.quant_conv.weight)
    nn.init.dirac_(autoencoder.post_quant_conv.weight)
    autoencoder.quant_conv.bias.zero_()
    autoencoder.post_quant_conv.bias.zero_()
    _pass(decoder.conv_in, 1.0 / gain)
    for block in decoder.up_blocks:
        for upsampler in block.upsamplers or []:
            _pass(upsampler.conv, 1.0)
    shortcut = decoder.up_blocks[-1].resnets[0].conv_shortcut
    _split_colours(shortcut, group=4, groups=3)
    _join_colours(decoder.conv_norm_out, decoder.conv_out, group=4, groups=3, scale=1.0)


def _pass(conv: nn.Conv2d, scale: float) -> None:
    """Output channels 0, 1, 2 repeat the input channels 0, 1, 2; the other outputs keep their random weights."""
    middle = conv.kernel_size[0] // 2
    conv.weight[:3] = 0.0
    _bias(conv)[:3] = 0.0
    for channel in range(3):
        conv.weight[channel, channel, middle, middle] = scale


def _places(group: int, groups: int) -> list[tuple[int, int]]:
    """Where red, green and blue keep their pair: in one group of 12 together, or in a group of 4 each."""
    return [
        (2 * colour, 2 * colour + 1) if groups == 1 else (group * colour, group * colour + 1) for colour in range(3)
    ]


def _split_colours(conv: nn.Conv2d, group: int, groups: int) -> None:
    """Make the conv write each colour c as (c, -c), and (K, -K) at the end of each group."""
    colours = conv.weight[:3].clone()
    conv.weight[: group * groups] = 0.0
    _bias(conv)[: group * groups] = 0.0
    for colour, (plus, minus) in zip(colours, _places(group, groups), strict=True):
        conv.weight[plus] = colour
        conv.weight[minus] = -colour
    for end in range(group, group * groups + 1, group):
        _bias(conv)[end - 2] = K
        _bias(conv)[end - 1] = -K


def _join_colours(norm: nn.GroupNorm, conv: nn.Conv2d, group: int, groups: int, scale: float) -> None:
    """Undo the norm's division and read silu(c) - silu(-c) = c."""
    norm.weight[: group * groups] = K * (2.0 / group) ** 0.5
    middle = conv.kernel_size[0] // 2
    conv.weight[:3] = 0.0
    _bias(conv)[:3] = 0.0
    for colour, (plus, minus) in enumerate(_places(group, groups)):
        conv.weight[colour, plus, middle, middle] = scale
        conv.weight[colour, minus, middle, middle] = -scale


def _logvar(conv: nn.Conv2d) -> None:
    """Channels 4 to 7 of the encoder's output are log variances: the same everywhere."""
    half: Tensor = conv.weight[4:]
    half.zero_()
    _bias(conv)[4:] = LOG_VARIANCE


def _bias(conv: nn.Conv2d) -> Tensor:
    """Its bias, which every conv of an autoencoder has."""
    assert conv.bias is not None
    return conv.bias
