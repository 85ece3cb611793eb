import threading

import pytest
import torch
from places import SHARED
from torch.nn import functional as F

from sprite_lora.bases.base_model import load_base
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.header import read_header
from sprite_lora.lora.file import read_tensors, write_lora
from sprite_lora.lora.network import LoRAModule, LoRANetwork, ranks_for, ranks_in, target_modules

KOHYA = SHARED / "kohya"


@pytest.fixture
def sd(tiny_sd):
    return load_base(tiny_sd)


@pytest.fixture
def sdxl(tiny_sdxl):
    return load_base(tiny_sdxl)


def random_weights(network, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.1, generator=generator)


def answer(base, states=None):
    """The U-Net's output for fixed input."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn((2, 4, 8, 8), generator=generator)
    states = torch.randn((2, 77, base.unet.config.cross_attention_dim), generator=generator)
    more = {}
    if len(base.text_encoders) == 2:
        more = {"text_embeds": torch.randn((2, 16), generator=generator), "time_ids": torch.ones((2, 6))}
    with torch.no_grad():
        return base.unet(x, torch.tensor([3, 700]), states, added_cond_kwargs=more).sample


def test_sd15_names_and_shapes_are_kohyas(full_size):
    file = KOHYA / "no_save_precision.safetensors"
    if not file.exists():
        pytest.skip("the files that sd-scripts wrote are not on this machine")
    base = full_size("sd_v1")
    network = LoRANetwork(base, ranks_for(base, 2, 1.0))
    expected = {name: (info["shape"], info["dtype"]) for name, info in read_header(file).tensors.items()}
    assert {name: (list(tensor.shape), "F32") for name, tensor in network.state_dict().items()} == expected
    theirs = read_tensors(file)
    own = network.state_dict()
    assert all(own[name] == theirs[name] for name in own if name.endswith("alpha"))


@pytest.mark.parametrize(
    ("family", "unet", "text", "unet_with_convolutions"),
    [("sd_v1", 192, 72, 278), ("sd_v2", 192, 138, 278), ("sdxl_base_v1-0", 722, 264, 788)],
)
def test_number_of_modules(full_size, family, unet, text, unet_with_convolutions):
    base = full_size(family)
    names = list(ranks_for(base, 4, 1.0))
    assert sum(name.startswith("lora_unet_") for name in names) == unet
    assert sum(name.startswith("lora_te") for name in names) == text
    more = ranks_for(base, 4, 1.0, conv_dim=2, conv_alpha=1.0)
    assert sum(name.startswith("lora_unet_") for name in more) == unet_with_convolutions


def test_sdxl_modules_have_the_original_names(full_size):
    names = set(ranks_for(full_size("sdxl_base_v1-0"), 4, 1.0, conv_dim=2))
    assert {
        "lora_te1_text_model_encoder_layers_0_self_attn_k_proj",
        "lora_te2_text_model_encoder_layers_31_mlp_fc2",
        "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q",
        "lora_unet_input_blocks_8_1_transformer_blocks_9_ff_net_0_proj",
        "lora_unet_middle_block_1_proj_in",
        "lora_unet_middle_block_2_in_layers_2",
        "lora_unet_output_blocks_0_1_transformer_blocks_9_attn2_to_out_0",
        "lora_unet_output_blocks_5_1_transformer_blocks_1_ff_net_2",
        "lora_unet_input_blocks_1_0_emb_layers_1",
        "lora_unet_input_blocks_3_0_op",
        "lora_unet_output_blocks_2_2_conv",
        "lora_unet_output_blocks_8_0_skip_connection",
    } <= names


@pytest.mark.parametrize(
    ("target", "shape"),
    [
        (torch.nn.Linear(6, 5), (3, 6)),
        (torch.nn.Conv2d(6, 5, 1), (2, 6, 4, 4)),
        (torch.nn.Conv2d(6, 5, 3, stride=2, padding=1), (2, 6, 8, 8)),
    ],
    ids=["linear", "convolution 1x1", "convolution 3x3, stride 2"],
)
def test_output_is_the_formula_in_float64(target, shape):
    lora = LoRAModule("m", target, rank=4, alpha=3.0, seed=0, dropout=0.0)
    torch.nn.init.normal_(lora.lora_up.weight)
    lora.multiplier = 0.7
    target.register_forward_hook(lora.add)
    x = torch.randn(shape)
    down, up = lora.lora_down.weight.double(), lora.lora_up.weight.double()
    weight, bias = target.weight.double(), target.bias.double()
    with torch.no_grad():
        if isinstance(target, torch.nn.Linear):
            whole = F.linear(x.double(), weight + up @ down * (0.7 * 3.0 / 4), bias)
        else:
            change = torch.einsum("or,rikl->oikl", up[:, :, 0, 0], down) * (0.7 * 3.0 / 4)
            whole = F.conv2d(x.double(), weight + change, bias, target.stride, target.padding)
        torch.testing.assert_close(target(x).double(), whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", ["sd", "sdxl"])
def test_new_network_changes_nothing_and_restore_leaves_no_trace(family, request):
    base = request.getfixturevalue(family)
    before = answer(base)
    network = LoRANetwork(base, ranks_for(base, 4, 2.0, conv_dim=2, conv_alpha=1.0))
    network.apply_to_base()
    assert torch.equal(answer(base), before), "up is zero"
    random_weights(network)
    assert not torch.allclose(answer(base), before)
    network.set_multiplier(0.0)
    assert torch.equal(answer(base), before)
    network.restore()
    network.set_multiplier(1.0)
    assert torch.equal(answer(base), before)


def test_file_gives_the_same_network(sd, tmp_path):
    network = LoRANetwork(sd, ranks_for(sd, 4, 2.0, conv_dim=2, conv_alpha=1.0))
    random_weights(network)
    write_lora(tmp_path / "a.safetensors", network.state_dict(), {})
    network.apply_to_base()
    expected = answer(sd)
    network.restore()
    loaded = LoRANetwork.from_file(sd, tmp_path / "a.safetensors")
    loaded.apply_to_base()
    assert torch.equal(answer(sd), expected)


def test_weights_are_swapped_with_their_alphas(sd, tmp_path):
    files = []
    for number, alpha in enumerate((1.0, 4.0)):
        network = LoRANetwork(sd, ranks_for(sd, 4, alpha))
        random_weights(network, seed=number)
        network.apply_to_base()
        files.append((tmp_path / f"{number}.safetensors", answer(sd)))
        network.restore()
        write_lora(files[-1][0], network.state_dict(), {})
    network = LoRANetwork.from_file(sd, files[0][0])
    network.apply_to_base()
    for path, expected in (files[1], files[0], files[1]):
        network.load_weights(path)
        assert torch.equal(answer(sd), expected)


def test_half_precision_base_and_float_lora_work_together(tiny_sd, sd):
    base = load_base(tiny_sd, torch.bfloat16)
    network = LoRANetwork(base, ranks_for(base, 4, 2.0))
    random_weights(network)
    network.apply_to_base()
    with torch.no_grad():
        x = torch.zeros((1, 4, 8, 8), dtype=torch.bfloat16)
        assert base.unet(x, 5, torch.zeros((1, 77, 32), dtype=torch.bfloat16)).sample.dtype == torch.bfloat16


def test_alpha_of_none_is_one_and_of_zero_is_the_rank(sd):
    assert set(ranks_for(sd, 8, None).values()) == {(8, 1.0)}
    assert set(ranks_for(sd, 8, 0.0).values()) == {(8, 8.0)}
    assert {rank for name, rank in ranks_for(sd, 8, 2.0, conv_dim=3).items() if "conv1" in name} == {(3, 1.0)}


def test_parts_can_be_left_out(sd):
    assert all(name.startswith("lora_unet") for name in ranks_for(sd, 4, 1.0, text_encoder=False))
    assert all(name.startswith("lora_te_") for name in ranks_for(sd, 4, 1.0, unet=False))


def test_initial_weights_are_a_function_of_seed_and_name(sd):
    torch.manual_seed(1)
    one = LoRANetwork(sd, ranks_for(sd, 4, 1.0), seed=7).state_dict()
    torch.manual_seed(2)
    state = torch.get_rng_state()
    some = dict(list(ranks_for(sd, 4, 1.0).items())[3:9])
    two = LoRANetwork(sd, some, seed=7).state_dict()
    assert torch.equal(torch.get_rng_state(), state), "global random state was used"
    assert all(torch.equal(one[name], tensor) for name, tensor in two.items())
    other = LoRANetwork(sd, some, seed=8).state_dict()
    assert all(not torch.equal(two[name], other[name]) for name in two if "down" in name)


def test_initial_down_is_kaiming_uniform_with_a_of_root_five(sd):
    """Bound sqrt(6 / ((1 + 5) fan_in)) = 1 / sqrt(fan_in), as torch's own Linear has it."""
    network = LoRANetwork(sd, ranks_for(sd, 64, 1.0), seed=0)
    for lora in network.loras:
        down = lora.lora_down.weight.detach()
        bound = down[0].numel() ** -0.5
        assert down.abs().max() <= bound
        assert down.std() == pytest.approx(bound / 3**0.5, rel=0.1)
        assert not lora.lora_up.weight.any()


def test_dropout_is_a_function_of_seed_step_part_and_module():
    target = torch.nn.Linear(16, 16)
    lora = LoRAModule("m", target, rank=64, alpha=64.0, seed=3, dropout=0.25)
    torch.nn.init.normal_(lora.lora_up.weight)
    x = torch.randn(500, 16)
    zero = torch.zeros(500, 16)

    def change(step, part=0, name="m", training=True):
        lora.train(training)
        lora.draws.step, lora.draws.name = step, name
        lora.draws.part_of_thread.clear()
        if part:
            import threading

            lora.draws.part_of_thread[threading.get_ident()] = part
        return lora.add(target, (x,), zero).detach()

    assert torch.equal(change(5), change(5))
    for other in (change(6), change(5, part=4), change(5, name="n"), change(5, training=False)):
        assert not torch.equal(change(5), other)
    kept = lora._kept(torch.ones(1000, 64))
    assert kept.mean().item() == pytest.approx(0.75, abs=0.01)
    low = F.linear(x.double(), lora.lora_down.weight.double())
    lora.draws.step, lora.draws.name = 5, "m"
    expected = F.linear(low * lora._kept(torch.empty(500, 64)) / 0.75, lora.lora_up.weight.double())
    torch.testing.assert_close(change(5).double(), expected, rtol=1e-4, atol=1e-4)
    whole = F.linear(low, lora.lora_up.weight.double())
    torch.testing.assert_close(change(5, training=False).double(), whole, rtol=1e-4, atol=1e-4)


def test_another_models_lora_is_refused(sd, sdxl, tmp_path):
    network = LoRANetwork(sdxl, ranks_for(sdxl, 4, 1.0))
    write_lora(tmp_path / "xl.safetensors", network.state_dict(), {})
    with pytest.raises(SpriteLoraError, match=r"modules are not in this base model, such as lora_te1_"):
        LoRANetwork.from_file(sd, tmp_path / "xl.safetensors")


def test_another_rank_is_refused(sd, tmp_path):
    write_lora(tmp_path / "4.safetensors", LoRANetwork(sd, ranks_for(sd, 4, 1.0)).state_dict(), {})
    with pytest.raises(SpriteLoraError, match="ranks are not this network's"):
        LoRANetwork(sd, ranks_for(sd, 8, 1.0)).load_weights(tmp_path / "4.safetensors")


def test_file_without_alphas_has_its_rank_as_alpha():
    assert ranks_in({"m.lora_down.weight": torch.zeros(4, 9), "m.lora_up.weight": torch.zeros(2, 4)}) == {"m": (4, 4.0)}


def test_names_are_unique(sd, sdxl):
    for base in (sd, sdxl):
        names = [name for name, _ in target_modules(base)]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("target", "shape"),
    [(torch.nn.Linear(6, 5), (40, 6)), (torch.nn.Linear(6, 5), (40, 3, 6)), (torch.nn.Conv2d(6, 5, 3), (40, 6, 4, 4))],
    ids=["linear", "linear on a sequence", "convolution"],
)
def test_rank_dropout_drops_whole_ranks_of_each_picture(target, shape):
    """kohya's `LoRAModule.forward`: a mask (pictures, rank), and a scale of 1 / (1 - rank_dropout)."""
    lora = LoRAModule("m", target, rank=16, alpha=8.0, seed=3, dropout=0.0)
    torch.nn.init.normal_(lora.lora_up.weight)
    lora.rank_dropout = 0.25
    x, zero = torch.randn(shape), torch.zeros(1)
    found = lora.add(target, (x,), zero).detach()
    low = lora.lora_down(x).detach().double()
    kept = lora._kept_ranks(torch.empty_like(low))
    assert kept.shape == (40, 16) if low.dim() == 2 else kept.numel() == 40 * 16
    assert set(kept.unique().tolist()) == {0.0, 1.0}
    assert kept.mean().item() == pytest.approx(0.75, abs=0.06)
    expected = lora.lora_up.double()(low * kept) * (8.0 / 16) / (1 - 0.25)
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-5)
    lora.float().eval()
    assert not torch.allclose(lora.add(target, (x,), zero).detach(), found)


def test_module_dropout_leaves_a_module_out_of_the_whole_batch():
    """As in kohya one draw per module and step; a part of the batch that is computed by itself draws the same."""
    target = torch.nn.Linear(4, 4)
    lora = LoRAModule("m", target, rank=2, alpha=2.0, seed=3, dropout=0.0)
    torch.nn.init.normal_(lora.lora_up.weight)
    lora.module_dropout = 0.3
    x, zero = torch.randn(2, 4), torch.zeros(2, 4)

    def acts(step, part=0):
        lora.draws.step = step
        lora.draws.part_of_thread = {threading.get_ident(): part}
        return bool(lora.add(target, (x,), zero).any())

    acting = [acts(step) for step in range(400)]
    assert sum(acting) / 400 == pytest.approx(0.7, abs=0.07)
    assert [acts(step, part=2) for step in range(400)] == acting
    lora.eval()
    assert all(acts(step) for step in range(20))
