"""The section `train` of params.yaml: kohya's own flag names with kohya's meaning; `null` is kohya's None.

Here stands all that the project knows of a flag, one row each: what drift says of it, the file's metadata, what is
refused and what params.yaml says behind it derive from the rows. Names and defaults are sd-scripts' own
(library/train_util.py, train_network.py, library/custom_train_functions.py and networks/lora.py `create_network`, at
v0.10.1).
"""

from functools import partial
from typing import Annotated, Literal

from pydantic import Field, model_validator

from sprite_lora.core.params import Section
from sprite_lora.kohya.conflicts import conflicts, part_rate
from sprite_lora.kohya.flags import (
    ARCHITECTURE,
    BATCH,
    DATA,
    DURATION,
    NOISE,
    NOT_COMPARED,
    ON,
    OPTIMISATION,
    PRECISION,
    SPEED,
    Flag,
    flag,
    row_of,
    table,
)

Rate = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Optimizer = Literal["AdamW", "AdamW8bit", "Adafactor", "Lion", "Prodigy"]
Scheduler = Literal["constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "adafactor"]

_BUCKETS = (("enable_bucket", (True,)),)
_HUBER = (("loss_type", ("huber", "smooth_l1")),)
_SHUFFLED = (("shuffle_caption", (True,)), ("caption_tag_dropout_rate", (ON,)))


class Train(Section):
    """How the LoRA is trained. Resolution and repeats belong to `package`. Fields stand in the order of drift's tables.

    A field has kohya's default, so that params.yaml may leave it out.
    """

    key = "train"

    # fmt: off
    backend: Literal["native", "kohya"] = flag(None, NOT_COMPARED, required=True, backends=("native",),
        comment="native = this project's trainer")
    output_name: str = flag(None, NOT_COMPARED, required=True,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", metadata="ss_output_name",
        comment="text; checkpoints are <output_name>-000001.safetensors ... <output_name>.safetensors (last)")

    network_dim: Count = flag(4, ARCHITECTURE, required=True, metadata="ss_network_dim",
        comment="int, rank of the LoRA matrices; more = more capacity, larger files",
        effect="rank: how much the LoRA can hold; weights and file grow with it")
    network_alpha: float = flag(1.0, ARCHITECTURE, metadata="ss_network_alpha", ge=0,
        comment="float; the LoRA's effect is scaled by network_alpha / network_dim; 0 = network_dim",
        effect="the LoRA counts alpha/dim times: that ratio is what learning rates meet")
    conv_dim: Count | None = flag(None, ARCHITECTURE, required=True, off_at_zero=True,
        comment="int | null; rank for 3x3 convolutions; null = they are not trained",
        effect="whether the U-Net's 3x3 convolutions are adapted too, and at which rank")
    conv_alpha: float | None = flag(None, ARCHITECTURE, needs=(("conv_dim", (ON,)),), ge=0, means=1.0,
        comment="float | null; alpha for 3x3 convolutions; null = 1", effect="as network_alpha, for the convolutions")
    network_train_unet_only: bool = flag(False, ARCHITECTURE, required=True,
        comment="true = the text encoder stays as it is",
        effect="text encoders stay as they are: words get no new meaning")
    network_train_text_encoder_only: bool = flag(False, ARCHITECTURE, required=True,
        comment="true = the U-Net stays as it is", effect="the U-Net stays as it is: no new look is learned")
    v_parameterization: bool = flag(False, ARCHITECTURE, required=True,
        comment="true = predict the velocity, for base models made so",
        effect="must match the base: noise or velocity is predicted")
    clip_skip: Annotated[int, Field(ge=1)] | None = flag(None, ARCHITECTURE, required=True, metadata="ss_clip_skip",
        comment="int | null; text states of the n-th layer from the end; SDXL ignores it",
        effect="which layer of the text encoder is read; SDXL ignores it")

    train_batch_size: Count = flag(1, BATCH, required=True,
        metadata="ss_batch_size_per_device", dataset="batch_size_per_device",
        comment="int, pictures per batch and process",
        effect="pictures per step: fewer give noisier and more steps per epoch")
    gradient_accumulation_steps: Count = flag(1, BATCH, required=True, metadata="ss_gradient_accumulation_steps",
        comment="int, batches per optimizer step",
        effect="batches per update: multiplies the batch, divides the updates")

    learning_rate: Rate = flag(2e-6, OPTIMISATION, metadata="ss_learning_rate",
        comment="float; for parts without a rate of their own",
        effect="stands in for unet_lr and text_encoder_lr where they are not given")
    unet_lr: Rate | None = flag(None, OPTIMISATION, metadata="ss_unet_lr",
        comment="float | null; U-Net's rate; null = learning_rate, 0 = not trained",
        effect="how fast the U-Net's part learns")
    text_encoder_lr: Rate | None = flag(None, OPTIMISATION, metadata="ss_text_encoder_lr",
        comment="float | null; text encoder's rate; null = learning_rate, 0 = not trained",
        effect="how fast the text encoders' part learns")
    optimizer_type: Optimizer = flag("AdamW", OPTIMISATION,
        comment="text; such as AdamW, AdamW8bit (CUDA GPU, extra `gpu`), Lion, Prodigy (rates of 1)",
        effect="the rule of each update; 8-bit variants round their state")
    optimizer_args: tuple[str, ...] = flag((), OPTIMISATION, means=None,
        comment='list of "key=value", such as ["weight_decay=0.1"]',
        effect="the optimizer's own settings, such as weight decay")
    lr_scheduler: Scheduler = flag("constant", OPTIMISATION, metadata="ss_lr_scheduler",
        comment="constant | constant_with_warmup | linear | cosine | cosine_with_restarts | adafactor",
        effect="how the learning rate moves during training")
    lr_scheduler_num_cycles: Count = flag(1, OPTIMISATION, needs=(("lr_scheduler", ("cosine_with_restarts",)),),
        comment="int; restarts of cosine_with_restarts",
        effect="how often the learning rate starts again from its height")
    lr_warmup_steps: int | float = flag(0, OPTIMISATION, metadata="ss_lr_warmup_steps", ge=0,
        comment="int, optimizer steps; below 1 a share of all steps",
        effect="steps in which the learning rate rises from zero")
    max_grad_norm: Rate = flag(1.0, OPTIMISATION, metadata="ss_max_grad_norm",
        comment="float; gradients are scaled down to this norm over all weights; 0 = never",
        effect="longer gradients are shortened to this")
    num_processes: Count = flag(1, OPTIMISATION, required=True,
        comment="int, processes with a GPU each; a step then sees as many batches",
        effect="GPUs: multiplies the batch, divides the steps")

    mixed_precision: Literal["no", "fp16", "bf16"] = flag("no", PRECISION, required=True, metadata="ss_mixed_precision",
        comment="'no' | fp16 (CUDA GPU) | bf16",
        effect="number format of the computation: fp16 and bf16 round differently")
    save_precision: Literal["float", "fp16", "bf16"] | None = flag("float", PRECISION, required=True,
        comment="float | fp16 | bf16 | null = float, files twice as large",
        effect="number format of the file; not given, kohya writes 32 bit")

    noise_offset: Rate | None = flag(None, NOISE, off_at_zero=True, metadata="ss_noise_offset",
        comment="float | null; strength of one more noise value per picture and channel",
        effect="lets overall brightness be learned: dark and bright pictures, flat backgrounds")
    adaptive_noise_scale: float | None = flag(None, NOISE,
        off_at_zero=True, metadata="ss_adaptive_noise_scale", needs=(("noise_offset", (ON,)),),
        comment="float | null; noise_offset grows by this times |mean of the latent|",
        effect="noise offset grows with brightness")
    multires_noise_iterations: Annotated[int, Field(ge=0)] | None = flag(None, NOISE,
        off_at_zero=True, metadata="ss_multires_noise_iterations",
        comment="int | null; levels of pyramid noise, 6 is usual",
        effect="noise at several scales: large flat areas are learned too")
    multires_noise_discount: Rate = flag(0.3, NOISE,
        metadata="ss_multires_noise_discount", needs=(("multires_noise_iterations", (ON,)),),
        comment="float; level i of pyramid noise counts discount ** i", effect="how fast the coarser noise fades")
    min_snr_gamma: Rate | None = flag(None, NOISE, off_at_zero=True, metadata="ss_min_snr_gamma",
        comment="float | null; loss weight min(SNR, gamma) / SNR",
        effect="caps the weight of nearly clean steps: steadier training")
    scale_weight_norms: Annotated[float, Field(gt=0)] | None = flag(None, NOISE,
        off_at_zero=True, metadata="ss_scale_weight_norms",
        comment="float | null; after a step, each module's weight change is scaled down to this norm",
        effect="keeps the LoRA's weights from growing past this")
    network_dropout: Share | None = flag(None, NOISE, off_at_zero=True, metadata="ss_network_dropout",
        comment="float 0..1 | null; share of the rank's neurons dropped in each step",
        effect="drops the LoRA's neurons at random in training")
    prior_loss_weight: Rate = flag(1.0, NOISE, metadata="ss_prior_loss_weight", needs=(("num_reg_images", (ON,)),),
        comment="float; loss weight of regularisation pictures (paths.regularisation)",
        effect="weight of regularisation pictures")

    shuffle_caption: bool = flag(False, DATA, metadata="ss_shuffle_caption", subset="shuffle_caption",
        comment="true = shuffle a caption's comma-separated tags at each use",
        effect="tags in random order: no tag is learned by its place")
    keep_tokens: int = flag(0, DATA, metadata="ss_keep_tokens", subset="keep_tokens", needs=_SHUFFLED, ge=0,
        comment="int; first tags (not CLIP tokens) that stay where they are",
        effect="tags at the front that are not shuffled: the trigger stays first")
    caption_dropout_rate: Annotated[float, Field(ge=0, le=1)] = flag(0.0, DATA, metadata="ss_caption_dropout_rate",
        comment="float 0..1; share of uses with an empty caption", effect="share of steps that see no caption")
    max_token_length: Literal[75, 150, 225] = flag(75, DATA, required=True, metadata="ss_max_token_length",
        comment="75 | 150 | 225 CLIP tokens of a caption or prompt; what is over is cut off",
        effect="captions are cut after this many tokens, silently")
    cache_latents: bool = flag(False, DATA, metadata="ss_cache_latents",
        comment="true = one latent per picture for the whole run; false = a new draw at each use",
        effect="each picture is encoded once: one random draw of its latent for all epochs")

    seed: int = flag(None, DURATION, required=True, metadata="ss_seed", ge=0, lt=2**32,
        comment="int; each random draw is a function of it and of the step",
        effect="every random draw; not given, a new one each run")
    max_train_epochs: Count = flag(None, DURATION, required=True, metadata="ss_num_epochs",
        comment="int; in one epoch each picture is seen package.num_repeats times",
        effect="how often all pictures are shown")
    save_every_n_epochs: Count = flag(None, DURATION, required=True,
        comment="int, epochs per checkpoint; the last epoch always leaves one",
        effect="which epochs leave a file: what there is to choose from")

    gradient_checkpointing: bool = flag(False, SPEED, metadata="ss_gradient_checkpointing",
        comment="true = less memory, about a third more time, the same result", effect="less memory, more time")
    xformers: bool = flag(False, SPEED,
        comment="true = xformers' attention (CUDA GPU, extra `gpu`)",
        effect="another attention kernel: differs by rounding")
    sdpa: bool = flag(False, SPEED,
        comment="true = torch's own fast attention", effect="another attention kernel: differs by rounding")

    save_state_every_n_steps: Count = flag(None, NOT_COMPARED, required=True, backends=("native",),
        comment="int, optimizer steps between two states to resume from; at each epoch's end too")
    # fmt: on

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


_kohya = partial(Flag, backends=("kohya",))

# fmt: off
NOT_IN_TRAIN: tuple[Flag, ...] = (
    Flag("network_module", ARCHITECTURE, None, "another kind of adapter altogether", metadata="ss_network_module"),
    Flag("resolution", BATCH, None, "size of the training pictures: detail seen, and pixels per art pixel",
        metadata="ss_resolution", dataset="resolution", refused="has its one home in package.resolution",
        section="package", after="clip_skip"),
    _kohya("enable_bucket", BATCH, False, "pictures are sorted by shape instead of cropped to one",
        metadata="ss_enable_bucket", dataset="enable_bucket",
        refused="would resize and crop pictures to fit its buckets; all are of one size already",
        after="gradient_accumulation_steps"),
    _kohya("bucket_no_upscale", BATCH, False, "pictures smaller than the resolution are not enlarged",
        metadata="ss_bucket_no_upscale", dataset="bucket_no_upscale", needs=_BUCKETS,
        refused="belongs to buckets, which would crop pictures"),
    _kohya("bucket_reso_steps", BATCH, 64, "sides of buckets are multiples of this, the rest is cropped",
        needs=_BUCKETS, refused="belongs to buckets, which would crop pictures to whole steps"),
    _kohya("min_bucket_reso", BATCH, 256, "smallest side of a bucket", metadata="ss_min_bucket_reso",
        dataset="min_bucket_reso", needs=_BUCKETS,
        refused="belongs to buckets, which would enlarge small pictures with blur"),
    _kohya("max_bucket_reso", BATCH, 1024, "largest side of a bucket", metadata="ss_max_bucket_reso",
        dataset="max_bucket_reso", needs=_BUCKETS,
        refused="belongs to buckets, which would shrink large pictures with blur"),
    _kohya("resize_interpolation", BATCH, None, "how pictures are resized: pixel art stays crisp under nearest alone",
        metadata="ss_resize_interpolation", refused="would resize pictures that are of the right size already",
        written=False),
    _kohya("lr_scheduler_power", OPTIMISATION, 1, "shape of the decay", needs=(("lr_scheduler", ("polynomial",)),),
        after="lr_scheduler_num_cycles"),
    _kohya("loss_type", OPTIMISATION, "l2", "how errors are weighed: l2 punishes large ones most",
        metadata="ss_loss_type", after="max_grad_norm"),
    _kohya("huber_schedule", OPTIMISATION, "snr", "how the Huber threshold moves", metadata="ss_huber_schedule",
        needs=_HUBER),
    _kohya("huber_c", OPTIMISATION, 0.1, "the Huber threshold", metadata="ss_huber_c", needs=_HUBER),
    _kohya("full_fp16", PRECISION, False, "gradients in 16 bit too", metadata="ss_full_fp16", after="save_precision"),
    _kohya("full_bf16", PRECISION, False, "gradients in 16 bit too"),
    _kohya("fp8_base", PRECISION, False, "the base in 8 bit", metadata="ss_fp8_base", written=False),
    _kohya("noise_offset_random_strength", NOISE, False, "a random part of the noise offset",
        metadata="ss_noise_offset_random_strength", needs=(("noise_offset", (ON,)),), after="adaptive_noise_scale"),
    _kohya("debiased_estimation_loss", NOISE, False, "another weighing of the steps", metadata="ss_debiased_estimation",
        after="min_snr_gamma"),
    _kohya("zero_terminal_snr", NOISE, False, "the last step is pure noise", metadata="ss_zero_terminal_snr"),
    _kohya("ip_noise_gamma", NOISE, None, "disturbs the noisy input", off_at_zero=True, metadata="ss_ip_noise_gamma"),
    _kohya("ip_noise_gamma_random_strength", NOT_COMPARED, False, metadata="ss_ip_noise_gamma_random_strength"),
    Flag("num_reg_images", NOISE, 0, "regularisation pictures beside the trained ones", metadata="ss_num_reg_images",
        after="prior_loss_weight"),
    Flag("caption_extension", DATA, ".caption", "which files are captions; none there: the folder's name is learned"),
    _kohya("caption_tag_dropout_rate", DATA, 0.0, "share of tags left out", metadata="ss_caption_tag_dropout_rate",
        after="caption_dropout_rate"),
    _kohya("caption_dropout_every_n_epochs", NOT_COMPARED, 0, metadata="ss_caption_dropout_every_n_epochs"),
    _kohya("weighted_captions", DATA, False, "brackets in captions weigh words", after="max_token_length"),
    Flag("num_repeats", DATA, None, "how often an epoch shows each picture: multiplies the steps", subset="num_repeats",
        section="package"),
    Flag("num_train_images", DATA, None, "pictures trained on"),
    Flag("art_pixels", DATA, None, "side of the sprite's own grid", section="package", backends=("native",)),
    Flag("background", DATA, None, "colour under transparent pixels", section="package", backends=("native",)),
    _kohya("flip_aug", DATA, False, "pictures are mirrored at random", metadata="ss_flip_aug", subset="flip_aug"),
    _kohya("color_aug", DATA, False, "colours are varied at random: hex codes lose their meaning",
        metadata="ss_color_aug", subset="color_aug"),
    _kohya("random_crop", DATA, False, "pictures are cut at random", metadata="ss_random_crop", subset="random_crop",
        refused="would cut off parts of every sprite"),
    _kohya("face_crop_aug_range", NOT_COMPARED, None, metadata="ss_face_crop_aug_range",
        refused="would cut off parts of every sprite"),
    _kohya("max_data_loader_n_workers", DATA, 8, "kohya's order of pictures, and so each batch, hangs on it",
        after="cache_latents"),
    _kohya("max_train_steps", DURATION, 1600, "number of updates; max_train_epochs overrides it",
        metadata="ss_max_train_steps", after="max_train_epochs"),
    _kohya("cache_latents_to_disk", SPEED, False, "latents are kept as files; stale ones are reused", after="sdpa"),
    _kohya("vae_batch_size", SPEED, 1, "pictures encoded at once"),
    _kohya("lowram", SPEED, False, "loads to the GPU directly", metadata="ss_lowram"),
    _kohya("training_comment", NOT_COMPARED, None, metadata="ss_training_comment", after="save_state_every_n_steps"),
)
# fmt: on
"""Rows that are no key of `train`: sd-scripts' other flags, and what `package` holds or the data decides."""

FLAGS: dict[str, Flag] = table([row_of(name, field) for name, field in Train.model_fields.items()], NOT_IN_TRAIN)
"""Every flag, in the order in which drift shows them."""
