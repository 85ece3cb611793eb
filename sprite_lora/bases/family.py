"""What the program knows of a family of base models. No torch here until a model is loaded.

`Family` is Stable Diffusion with one text encoder; each family is a subclass in its own module of `families/`. Where it
is taken as a single file too, a folder of its name lies beside it, with the configs of the published architecture.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from sprite_lora.bases.text import EOS, Encoded, join, token_windows
from sprite_lora.dataset.tokens import load_tokenizer

if TYPE_CHECKING:
    import torch

    from sprite_lora.bases.parts import Parts

CONFIGS = Path(__file__).parent / "families"
"""Configs of the published architectures, a folder per family, for base models of one file: they hold weights alone."""


@dataclass(frozen=True)
class TextEncoder:
    """One text encoder of a family."""

    folder: str
    """In a diffusers folder."""
    kind: str
    """Its class in transformers."""
    lora: str
    """How the names of a LoRA's modules on it begin."""
    pad: int = EOS
    """Token that fills a window."""
    open_clip: str | None = None
    """How its tensors' names begin in a single file that has them as OpenCLIP does; None: as transformers does."""


class Family:
    """One family of base models."""

    name: ClassVar[str]
    """kohya's word, `ss_base_model_version`."""
    label: ClassVar[str]
    """What people call it."""
    file_words: ClassVar[tuple[str, ...]] = ()
    """Words of file names that name it, without points and signs."""
    stated_names: ClassVar[tuple[str, ...]] = ()
    """Other names, lower case, that trainers state: `ss_base_model_version`, `modelspec.architecture` to its slash."""

    file_mark: ClassVar[str] = ""
    """A key that only its single files in the original layout have; empty: it is taken as a diffusers folder alone."""
    file_text: ClassVar[str] = "cond_stage_model."
    """How the names of the text encoders' tensors begin in such a file."""
    text_encoders: ClassVar[tuple[TextEncoder, ...]] = (TextEncoder("text_encoder", "CLIPTextModel", "lora_te"),)
    encoder_width: ClassVar[int]
    """Of its first text encoder, in features."""
    text_width: ClassVar[int]
    """Of the text that its U-Net reads, in features."""

    adapted: ClassVar[tuple[tuple[int, int], tuple[int, int]]]
    """For the U-Net and for the text encoders: the sum of inputs and outputs over the modules that networks.lora
    adapts, and their number. From the public architecture."""
    text_blocks: ClassVar[tuple[str, ...]] = ("CLIPAttention", "CLIPSdpaAttention", "CLIPMLP")
    """Classes of the text encoders' blocks whose Linear and Conv2d modules a LoRA adapts."""
    unet_blocks: ClassVar[tuple[str, ...]] = ("Transformer2DModel",)
    """The same of the U-Net."""
    convolution_blocks: ClassVar[tuple[str, ...]] = ("ResnetBlock2D", "Downsample2D", "Upsample2D")
    """The same of the U-Net with conv_dim."""

    outer_modules: ClassVar[tuple[str, ...]] = (
        "conv_in", "conv_out", "time_embedding.linear_1", "time_embedding.linear_2",
    )  # fmt: skip
    """Modules of the U-Net outside of these blocks that LyCORIS can adapt in sd-scripts, by diffusers' names."""

    either_prediction: ClassVar[bool] = False
    """Whether some of its models predict the noise and others the velocity."""
    architecture: ClassVar[str]
    """`modelspec.architecture`, to its slash."""
    ignored: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """kohya's flags that do nothing with it, and why."""

    def lora_path(self, path: str) -> str:
        """The name under which a LoRA's file has a module of the U-Net, points for underscores; `path`: diffusers'."""
        return path

    def adapter_basis(self, widths: Set[int | None], names: str) -> str:
        """Why a LoRA that adapts no cross-attention must be this family's; empty where it may be another's.

        `widths`: of the text encoders' attention, in features. `names`: of all modules, underscores for points.
        """
        return ""

    def metadata(self, velocity: bool) -> dict[str, str]:
        """The keys of a LoRA's file that name its base, as kohya writes them. `velocity`: v_parameterization."""
        return {
            "ss_v2": "False",
            "ss_base_model_version": self.name + ("_v" if velocity else ""),
            "modelspec.architecture": f"{self.architecture}/lora",
            "modelspec.implementation": "diffusers",
        }

    def load_folder(self, folder: Path, dtype: "torch.dtype") -> "Parts":
        """Load a diffusers folder. Raises SpriteLoraError where a part is missing or is not whole."""
        import torch
        import transformers
        from diffusers import AutoencoderKL, UNet2DConditionModel

        from sprite_lora.bases import parts

        return parts.Parts(
            text_encoders=[
                parts.from_folder(getattr(transformers, encoder.kind), folder, encoder.folder, dtype)
                for encoder in self.text_encoders
            ],
            tokenizer=load_tokenizer(folder),
            unet=parts.from_folder(UNet2DConditionModel, folder, "unet", dtype),
            vae=parts.from_folder(AutoencoderKL, folder, "vae", torch.float32),
            scheduler=parts.scheduler_config(folder / "scheduler"),
        )

    def load_file(self, path: Path, dtype: "torch.dtype", configs: Path = CONFIGS) -> "Parts":
        """Load one .safetensors file in the original layout; `configs` holds a folder of configs per family."""
        import torch
        import transformers
        from diffusers import AutoencoderKL, UNet2DConditionModel
        from safetensors.torch import load_file as load_tensors

        from sprite_lora.bases import parts

        tensors, config = load_tensors(path), configs / self.name
        return parts.Parts(
            text_encoders=[
                parts.text_encoder(
                    getattr(transformers, encoder.kind), tensors, config / encoder.folder, dtype, encoder.open_clip
                )
                for encoder in self.text_encoders
            ],
            tokenizer=load_tokenizer(path),
            unet=parts.from_tensors(UNet2DConditionModel, tensors, config, "unet", dtype),
            vae=parts.from_tensors(AutoencoderKL, tensors, config, "vae", torch.float32),
            scheduler=parts.scheduler_config(config / "scheduler"),
        )

    def encode(self, base: "Parts", texts: list[str], max_token_length: int, clip_skip: int | None = None) -> Encoded:
        """Encode texts as kohya does (`encode_tokens` of its strategies), with gradients unless forbidden.

        `max_token_length`: 75, 150 or 225 tokens. `clip_skip` None or 1: last layer; n: n-th from the end, then norm.
        """
        ids = [base.tokenizer.token_ids(text) for text in texts]
        (encoder,) = base.text_encoders
        tokens = token_windows(ids, max_token_length, self.text_encoders[0].pad, encoder.device)
        if clip_skip is None:
            states = encoder(tokens)[0]
        else:
            states = encoder(tokens, output_hidden_states=True).hidden_states[-clip_skip]
            states = encoder.text_model.final_layer_norm(states)
        return Encoded(join(states, len(texts)), None)

    def predict(
        self,
        base: "Parts",
        noisy: "torch.Tensor",
        timesteps: "torch.Tensor",
        encoded: Encoded,
        resolution: int,
        sizes: "torch.Tensor | None" = None,
    ) -> "torch.Tensor":
        """The U-Net's prediction (B, C, h, w), in its dtype, for training and for drawing.

        `noisy`: (B, C, h, w). `timesteps`: one, or (B). `encoded`: B texts. `resolution`: side of the pictures, pixels.
        `sizes`: (B, 6), of each picture original height and width, top and left of the cut, target height and width,
        which SDXL reads; None: all are whole and of `resolution`.
        """
        import torch

        noisy = noisy.to(base.unet.dtype)
        if sizes is None:
            whole = torch.tensor([[resolution, resolution, 0, 0, resolution, resolution]], device=noisy.device)
            sizes = whole.expand(len(noisy), -1)
        added = self.added_conditions(encoded, noisy, sizes)
        predicted: torch.Tensor = base.unet(
            noisy, timesteps, encoder_hidden_states=encoded.states.to(noisy), added_cond_kwargs=added
        ).sample
        return predicted

    def added_conditions(self, encoded: Encoded, noisy: "torch.Tensor", sizes: "torch.Tensor") -> dict[str, Any] | None:
        """What the U-Net reads beside the text's states, as diffusers' `added_cond_kwargs`; None for nothing.

        `sizes`: as `predict` has them.
        """
        return None
