"""The batch: how many pictures a step sees, of which size."""

from sprite_lora.core.params import Section
from sprite_lora.kohya.flags import BATCH, Count, Flag, flag, kohya

_BUCKETS = (("enable_bucket", (True,)),)


class Batch(Section):
    """Fields of the section `train`."""

    # fmt: off
    train_batch_size: Count = flag(1, BATCH, required=True,
        metadata="ss_batch_size_per_device", dataset="batch_size_per_device",
        comment="int, pictures per batch and process",
        effect="pictures per step: fewer give noisier and more steps per epoch")
    gradient_accumulation_steps: Count = flag(1, BATCH, required=True, metadata="ss_gradient_accumulation_steps",
        comment="int, batches per optimizer step",
        effect="batches per update: multiplies the batch, divides the updates")
    # fmt: on


# fmt: off
BESIDE: tuple[Flag, ...] = (
    Flag("resolution", BATCH, None, "size of the training pictures: detail seen, and pixels per art pixel",
        metadata="ss_resolution", dataset="resolution", refused="has its one home in package.resolution",
        section="package", after="clip_skip"),
    kohya("enable_bucket", BATCH, False, "pictures are sorted by shape instead of cropped to one",
        metadata="ss_enable_bucket", dataset="enable_bucket",
        refused="would resize and crop pictures to fit its buckets; all are of one size already",
        after="gradient_accumulation_steps"),
    kohya("bucket_no_upscale", BATCH, False, "pictures smaller than the resolution are not enlarged",
        metadata="ss_bucket_no_upscale", dataset="bucket_no_upscale", needs=_BUCKETS,
        refused="belongs to buckets, which would crop pictures"),
    kohya("bucket_reso_steps", BATCH, 64, "sides of buckets are multiples of this, the rest is cropped",
        needs=_BUCKETS, refused="belongs to buckets, which would crop pictures to whole steps"),
    kohya("min_bucket_reso", BATCH, 256, "smallest side of a bucket", metadata="ss_min_bucket_reso",
        dataset="min_bucket_reso", needs=_BUCKETS,
        refused="belongs to buckets, which would enlarge small pictures with blur"),
    kohya("max_bucket_reso", BATCH, 1024, "largest side of a bucket", metadata="ss_max_bucket_reso",
        dataset="max_bucket_reso", needs=_BUCKETS,
        refused="belongs to buckets, which would shrink large pictures with blur"),
    kohya("resize_interpolation", BATCH, None, "how pictures are resized: pixel art stays crisp under nearest alone",
        metadata="ss_resize_interpolation", refused="would resize pictures that are of the right size already",
        written=False),
)
# fmt: on
"""Rows that are no key of `train`."""
