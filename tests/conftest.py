"""What tests of several folders need: tiny random base models in Stable Diffusion's shapes, files of sd-scripts."""

import os
import shutil

import pytest
from hypothesis import HealthCheck, settings
from places import SHARED, TOKENIZER

# A busy machine is no failure, and a run that failed fails again: no deadlines (a test that guards against endless work
# sets one of many seconds), no complaint that cases are made slowly, the same cases each time.
IGNORED = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)
settings.register_profile("project", deadline=None, derandomize=True, suppress_health_check=IGNORED)
# Other cases each time, and many: `pytest --hypothesis-profile=deep`; fuzzing.py says how many.
settings.register_profile("deep", deadline=None, suppress_health_check=IGNORED)
settings.load_profile("project")


# Each test process multiplies matrices alone: threads of its own would wait for those of the others.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_configure(config):
    """On a machine with a GPU everything but `-m gpu` runs on the CPU, as it does elsewhere."""
    if "gpu" not in config.option.markexpr.replace("not gpu", ""):
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def _text(kind, hidden, projection):
    from transformers import CLIPTextConfig

    config = CLIPTextConfig(
        vocab_size=49408, hidden_size=hidden, intermediate_size=2 * hidden, num_hidden_layers=3, num_attention_heads=2,
        projection_dim=projection, bos_token_id=49406, eos_token_id=49407, pad_token_id=1,
    )  # fmt: skip
    return kind(config)


def _vae(scale):
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 8, 16, 16), norm_num_groups=8, latent_channels=4, scaling_factor=scale,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, layers_per_block=2,
    )  # fmt: skip


def _scheduler():
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False,
        steps_offset=1,
    )  # fmt: skip


def _save(folder, **parts):
    for name, part in parts.items():
        part.save_pretrained(folder / name)
    for name in ("tokenizer", "tokenizer_2") if "text_encoder_2" in parts else ("tokenizer",):
        shutil.copytree(TOKENIZER, folder / name)
    (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    return folder


@pytest.fixture(scope="session")
def tiny_sd(tmp_path_factory):
    """A diffusers folder: SD1.5's architecture, 32 wide, random weights of seed 0."""
    import torch
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextModel

    with torch.random.fork_rng():
        torch.manual_seed(0)
        unet = UNet2DConditionModel(
            sample_size=8, block_out_channels=(32, 64), cross_attention_dim=32, attention_head_dim=8,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        )  # fmt: skip
        parts = {"unet": unet, "vae": _vae(0.18215), "text_encoder": _text(CLIPTextModel, 32, 32)}
    return _save(tmp_path_factory.mktemp("bases") / "tiny-sd", scheduler=_scheduler(), **parts)


@pytest.fixture(scope="session")
def tiny_sdxl(tmp_path_factory):
    """A diffusers folder: SDXL's architecture with both text encoders, 32 wide, random weights of seed 0."""
    import torch
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    with torch.random.fork_rng():
        torch.manual_seed(0)
        unet = UNet2DConditionModel(
            sample_size=8, block_out_channels=(32, 32, 64), cross_attention_dim=32 + 64, attention_head_dim=(2, 4, 8),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 1, 2), use_linear_projection=True,
            addition_embed_type="text_time", addition_time_embed_dim=8, projection_class_embeddings_input_dim=16 + 48,
        )  # fmt: skip
        parts = {
            "unet": unet,
            "vae": _vae(0.13025),
            "text_encoder": _text(CLIPTextModel, 32, 32),
            "text_encoder_2": _text(CLIPTextModelWithProjection, 64, 16),
        }
    return _save(tmp_path_factory.mktemp("bases") / "tiny-sdxl", scheduler=_scheduler(), **parts)


@pytest.fixture(scope="session")
def single_sd(tiny_sd, tmp_path_factory):
    """One file with the names of SD1.5's in the original layout, as far as headers are read: no model to load."""
    import torch
    from safetensors.torch import load_file, save_file

    from sprite_lora.bases.registry import family_of

    unet = load_file(tiny_sd / "unet/diffusion_pytorch_model.safetensors")
    text = load_file(tiny_sd / "text_encoder/model.safetensors")
    tensors = {f"model.diffusion_model.{name}": tensor for name, tensor in unet.items()}
    tensors |= {f"cond_stage_model.transformer.{name}": tensor for name, tensor in text.items()}
    path = tmp_path_factory.mktemp("single") / "merged.safetensors"
    save_file(tensors | {family_of(tiny_sd).file_mark: torch.zeros(2)}, path)
    return path


@pytest.fixture
def kohya_files():
    """Folder of the files that sd-scripts wrote, the ground truth for its format."""
    folder = SHARED / "kohya"
    if not folder.is_dir():
        pytest.skip("the files that sd-scripts wrote are not on this machine")
    return folder


@pytest.fixture
def no_network(monkeypatch):
    """Whoever opens a connection fails."""
    import socket

    def refuse(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
