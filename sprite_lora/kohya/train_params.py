"""The section `train` of params.yaml: kohya's own flag names with kohya's meaning; `null` is kohya's None."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from sprite_lora.core.params import Section

Rate = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class Train(Section):
    """How the LoRA is trained. Resolution and repeats belong to `package`."""

    key = "train"

    backend: Literal["native", "kohya"] = Field(description="`native`: this project's trainer")
    output_name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="checkpoints' file name, no ending")

    network_dim: Count = Field(description="rank of the LoRA matrices")
    network_alpha: float = Field(ge=0, description="the LoRA is scaled by network_alpha / network_dim; 0 = network_dim")
    network_dropout: Share | None = Field(description="share of the rank's neurons dropped in each step; null = none")
    conv_dim: Count | None = Field(description="rank for 3x3 convolutions; null = they are not trained")
    conv_alpha: float | None = Field(ge=0, description="alpha for 3x3 convolutions; null = 1")
    network_train_unet_only: bool = Field(description="leave the text encoder as it is")
    network_train_text_encoder_only: bool = Field(description="leave the U-Net as it is")

    learning_rate: Rate = Field(description="for parts without a rate of their own")
    unet_lr: Rate | None = Field(description="U-Net's rate; null = learning_rate; 0 = not trained")
    text_encoder_lr: Rate | None = Field(description="text encoders' rate; null = learning_rate; 0 = not trained")
    optimizer_type: Literal["AdamW", "AdamW8bit", "Adafactor", "Lion", "Prodigy"] = Field(
        description="AdamW8bit needs a CUDA GPU and the extra `gpu`; Prodigy wants learning rates of 1"
    )
    optimizer_args: tuple[str, ...] = Field(description="`key=value` each, to the optimizer, such as weight_decay=0.1")
    lr_scheduler: Literal[
        "constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "adafactor"
    ] = Field(description="how the rate changes over the run; adafactor: the Adafactor optimizer sets it itself")
    lr_scheduler_num_cycles: Count = Field(description="restarts of cosine_with_restarts")
    lr_warmup_steps: int | float = Field(ge=0, description="steps; below 1 a share of all steps")
    max_grad_norm: Rate = Field(description="gradients are scaled down to this norm over all weights; 0 = never")
    scale_weight_norms: Annotated[float, Field(gt=0)] | None = Field(
        description="after each step, each module's change of the weights is scaled down to this norm; null = never"
    )

    train_batch_size: Count = Field(description="pictures per step, process and accumulation")
    gradient_accumulation_steps: Count = Field(description="batches per optimizer step")
    max_train_epochs: Count = Field(description="epochs; in one, each picture is seen num_repeats times")
    save_every_n_epochs: Count = Field(description="epochs per checkpoint; the last epoch always leaves one")
    save_state_every_n_steps: Count = Field(description="optimizer steps between two states to resume from (our own)")
    seed: int = Field(ge=0, lt=2**32, description="each random draw is a function of it and of the step")
    num_processes: Count = Field(description="processes, a GPU each; a step then sees as many batches")

    mixed_precision: Literal["no", "fp16", "bf16"] = Field(description="precision of the computing; fp16 needs a GPU")
    save_precision: Literal["float", "fp16", "bf16"] | None = Field(description="of the files; null = float (32 bit)")
    gradient_checkpointing: bool = Field(description="less memory, about a third more time; the same result")
    xformers: bool = Field(description="xformers' attention; needs a CUDA GPU and the extra `gpu`")
    sdpa: bool = Field(description="torch's own fast attention")
    cache_latents: bool = Field(description="one latent per picture for the whole run; false: a new draw at each use")

    noise_offset: Rate | None = Field(description="strength of one more noise value per picture and channel")
    adaptive_noise_scale: float | None = Field(description="noise_offset grows by this times |mean of the latent|")
    multires_noise_iterations: Annotated[int, Field(ge=0)] | None = Field(description="levels of pyramid noise")
    multires_noise_discount: Rate = Field(description="level i of pyramid noise counts discount ** i")
    min_snr_gamma: Rate | None = Field(description="loss weight min(SNR, gamma) / SNR; null or 0 = 1")
    prior_loss_weight: Rate = Field(description="loss weight of regularisation pictures")
    v_parameterization: bool = Field(description="predict the velocity; for base models made so")

    shuffle_caption: bool = Field(description="shuffle a caption's comma-separated tags at each use")
    keep_tokens: int = Field(ge=0, description="first tags that stay where they are")
    caption_dropout_rate: Annotated[float, Field(ge=0, le=1)] = Field(description="share of uses with an empty caption")
    max_token_length: Literal[75, 150, 225] = Field(description="CLIP tokens of a caption or prompt; more are cut off")
    clip_skip: Annotated[int, Field(ge=1)] | None = Field(
        description="text states of the n-th layer from the end; null = the last; SDXL ignores it"
    )

    @model_validator(mode="after")
    def together(self) -> "Train":
        """What each key allows but not all of them together."""
        for wrong, message in conflicts(self.model_dump()):
            if wrong:
                raise ValueError(message)
        return self

    @property
    def rate_of_unet(self) -> float:
        """0 where the U-Net is not trained."""
        return part_rate(not self.network_train_text_encoder_only, self.unet_lr, self.learning_rate)

    @property
    def rate_of_text_encoder(self) -> float:
        """0 where the text encoders are not trained."""
        return part_rate(not self.network_train_unet_only, self.text_encoder_lr, self.learning_rate)


def part_rate(trained: bool, own: float | None, general: float) -> float:
    """Learning rate of one part of the network."""
    if not trained:
        return 0.0
    return general if own is None else own


def conflicts(values: dict[str, Any]) -> list[tuple[bool, str]]:
    """Whether each rule on several keys is broken, and what to say then."""
    scheduler, general = values["lr_scheduler"], values["learning_rate"]
    unet_only, text_only = values["network_train_unet_only"], values["network_train_text_encoder_only"]
    sets_rates = values["optimizer_type"] == "Adafactor" and "relative_step=False" not in values["optimizer_args"]
    rates = (
        part_rate(not text_only, values["unet_lr"], general),
        part_rate(not unet_only, values["text_encoder_lr"], general),
    )
    return [
        (values["backend"] == "kohya", "backend: kohya lands with a later release; write native"),
        (
            unet_only and text_only,
            "network_train_unet_only and network_train_text_encoder_only leave nothing to train: keep one",
        ),
        (not any(rates), "nothing to train: every part's learning rate is 0"),
        (
            values["conv_alpha"] is not None and values["conv_dim"] is None,
            "conv_alpha does nothing without conv_dim",
        ),
        (values["xformers"] and values["sdpa"], "xformers and sdpa are two ways to do the same: keep one"),
        (
            values["adaptive_noise_scale"] is not None and not values["noise_offset"],
            "adaptive_noise_scale changes noise_offset, which is not set",
        ),
        (
            scheduler in ("constant", "adafactor") and values["lr_warmup_steps"] != 0,
            f"lr_scheduler {scheduler} has no warm-up: lr_warmup_steps must be 0 (or take constant_with_warmup)",
        ),
        (
            sets_rates != (scheduler == "adafactor"),
            "optimizer_type Adafactor sets its own rates: lr_scheduler must be adafactor then, and only then"
            " (unless optimizer_args has relative_step=False)",
        ),
    ]
