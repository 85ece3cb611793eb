"""Networks of LyCORIS, held to the real one: which modules, under which names, with which output."""

import hashlib
import json
from pathlib import Path

import lycoris.config
import lycoris.kohya
import pytest
import torch
from lycoris.kohya import LycorisNetworkKohya, create_network, create_network_from_weights
from lycoris.logging import logger

from sprite_lora.bases.base_model import load_base
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.header import read_header
from sprite_lora.kohya.network_args import PRESETS, lycoris_args
from sprite_lora.lora.file import write_lora
from sprite_lora.lora.layout import read_modules
from sprite_lora.lora.lycoris import LycorisNetwork, Ranks, is_lycoris, lycoris_targets
from sprite_lora.lora.network import LoRANetwork, applied, network_from_file, ranks_for

NAMES = json.loads((Path(__file__).parent / "lycoris_names.json").read_text())
"""Of sd-scripts' own U-Nets and text encoders: made by benchmarks/lycoris_names.py."""

CASES = {
    "locon": ["algo=locon"],
    "locon tucker": ["algo=lora", "use_tucker=True"],
    "dora": ["algo=lora", "dora_wd=True"],
    "dora by input": ["algo=lora", "dora_wd=True", "wd_on_output=False"],
    "rslora": ["algo=lora", "rs_lora=True"],
    "locon scalar": ["algo=lora", "use_scalar=True"],
    "locon bypass": ["algo=lora", "bypass_mode=True"],
    "loha": ["algo=loha"],
    "loha tucker": ["algo=loha", "use_tucker=True", "dora_wd=True"],
    "lokr": ["algo=lokr"],
    "lokr factor": ["algo=lokr", "factor=4"],
    "lokr of two products": ["algo=lokr", "factor=16", "decompose_both=True"],
    "lokr tucker": ["algo=lokr", "factor=2", "use_tucker=True"],
    "lokr whole": ["algo=lokr", "full_matrix=True", "dora_wd=True"],
    "lokr unbalanced": ["algo=lokr", "unbalanced_factorization=True"],
    "a narrow preset": ["algo=lokr", "preset=attn-mlp", "factor=8"],
}

USUAL = ("locon", "dora", "loha", "lokr", "lokr factor")


def each(names=tuple(CASES)):
    """Names of cases; the unusual ones run with `-m slow`."""
    return [pytest.param(name, marks=() if name in USUAL else pytest.mark.slow) for name in names]


ITS_LOADER_FAILS = {"dora by input", "lokr", "lokr tucker", "lokr of two products", "lokr unbalanced"}
"""Of `create_network_from_weights`: see `test_lycoris_own_loader_guesses_wrong`."""

DIM, ALPHA, CONV_DIM, CONV_ALPHA = 2, 1.5, 3, 2.0


@pytest.fixture(scope="module")
def sd(tiny_sd):
    return load_base(tiny_sd)


@pytest.fixture(scope="module")
def sdxl(tiny_sdxl):
    return load_base(tiny_sdxl)


@pytest.fixture(autouse=True)
def _as_in_sd_scripts(monkeypatch):
    """Quiet, and LyCORIS' presets without the class that it names twice; it knows attention by sd-scripts' class."""
    monkeypatch.setattr(logger, "disabled", True)
    presets = {}
    for name, preset in lycoris.config.PRESET.items():
        classes = [each for each in preset["unet_target_module"] if each != "TimestepEmbedding"]
        names = [*preset["unet_target_name"]]
        if "TimestepEmbedding" in preset["unet_target_module"]:
            names = list(dict.fromkeys([*names, "time_embedding.linear_1", "time_embedding.linear_2"]))
        classes = ["Attention" if each == "CrossAttention" else each for each in classes]
        presets[name] = {**preset, "unet_target_module": classes, "unet_target_name": names}
    monkeypatch.setattr("lycoris.kohya.PRESET", presets)
    yield
    LycorisNetworkKohya.apply_preset(lycoris.config.PRESET["full"])


def ours(base, args, seed=0):
    return LycorisNetwork.create(base, lycoris_args(args), Ranks(DIM, ALPHA, CONV_DIM, CONV_ALPHA), seed)


def theirs(base, args):
    """`create_network`, as sd-scripts calls it: all arguments as text."""
    given = dict(text.split("=") for text in args)
    encoders = base.text_encoders[0] if len(base.text_encoders) == 1 else base.text_encoders
    more = {"conv_dim": str(CONV_DIM), "conv_alpha": str(CONV_ALPHA), "dropout": None}
    return create_network(1.0, DIM, ALPHA, None, encoders, base.unet, **given, **more)


def loaded_by_lycoris(base, path):
    """Its `create_network_from_weights`, with its own guesses at each module's arguments."""
    LycorisNetworkKohya.apply_preset(lycoris.kohya.PRESET["full"])
    return create_network_from_weights(1.0, str(path), None, base.text_encoders[0], base.unet)[0]


def write(network, path):
    write_lora(path, network.file_tensors(), {"ss_network_module": "lycoris.kohya"})
    return path


def randomise(network, seed=0):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            drawn = torch.randn(weight.shape, generator=generator) * 0.1
            weight.copy_(weight * (1 + drawn) if name.endswith("dora_scale") else drawn)


def answer(base, dtype=torch.float32):
    generator = torch.Generator().manual_seed(1)
    noisy = torch.randn((2, 4, 8, 8), generator=generator)
    with torch.no_grad():
        encoded = base.encode(["a lady", "a lad, blue hair"], 75)
        return base.predict(noisy.to(dtype), torch.tensor([3, 700]), encoded, 64).float()


@pytest.mark.parametrize("name", each())
def test_file_has_lycoris_tensors(sd, name):
    args = CASES[name]
    network = theirs(sd, args)
    expected = {
        f"{lora.lora_name}.{key}": tensor for lora in network.loras for key, tensor in lora.state_dict().items()
    }
    own = ours(sd, args).file_tensors()
    assert {name: tensor.shape for name, tensor in own.items()} == {n: t.shape for n, t in expected.items()}
    assert all(torch.equal(own[name], expected[name]) for name in own if name.endswith((".alpha", ".dora_scale")))


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_adapt_what_lycoris_adapts(sd, preset):
    network = theirs(sd, [f"preset={preset}"])
    assert {lora.name for lora in ours(sd, [f"preset={preset}"]).loras} == {lora.lora_name for lora in network.loras}


def test_presets_are_lycoris_own_but_one():
    assert set(lycoris.config.PRESET) - set(PRESETS) == {"ia3"}


@pytest.mark.parametrize("case", NAMES, ids=lambda case: f"{case['family']} {case['preset']}")
def test_names_at_full_size_are_those_of_sd_scripts(full_size, case):
    base = full_size(case["family"])
    ranks, preset = Ranks(4, 1.0), PRESETS[case["preset"]]
    names = sorted(name for name, target in lycoris_targets(base, preset) if ranks.of(name, target, preset))
    found = {"modules": len(names), "sha256": hashlib.sha256("\n".join(names).encode()).hexdigest()}
    assert found == {key: case[key] for key in found}


@pytest.mark.parametrize("name", each())
def test_output_is_lycoris_own(sd, tmp_path, name):
    """Its `create_network` with the file's weights, and its `create_network_from_weights`, through its own hooks."""
    network = ours(sd, CASES[name])
    randomise(network)
    plain = answer(sd)
    network.apply_to_base()
    trained = answer(sd)
    network.restore()
    assert torch.equal(answer(sd), plain), "restore leaves a trace"
    path = write(network, tmp_path / "a.safetensors")
    with applied(sd, path, 1.0):
        drawn = answer(sd)
    with applied(sd, path, 0.5):
        half = answer(sd)
    assert (trained - plain).abs().max() > 0.01, "it does nothing: this test shows nothing"
    torch.testing.assert_close(drawn, trained, rtol=1e-5, atol=1e-6)
    references = [theirs(sd, CASES[name])]
    if name not in ITS_LOADER_FAILS:
        references.append(loaded_by_lycoris(sd, path))
    for reference in references:
        reference.apply_to(sd.text_encoders[0], sd.unet, True, True)
        reference.load_weights(str(path))
        try:
            expected = answer(sd)
            reference.set_multiplier(0.5)
            expected_half = answer(sd)
        finally:
            reference.restore()
        torch.testing.assert_close(trained, expected, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(drawn, expected, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(half, expected_half, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", sorted(ITS_LOADER_FAILS))
def test_lycoris_own_loader_guesses_wrong(sd, tmp_path, name):
    """Why files are not read by `make_module_from_state_dict`; where this fails, LyCORIS has been put right."""
    network = ours(sd, CASES[name])
    randomise(network)
    path = write(network, tmp_path / "a.safetensors")
    network.apply_to_base()
    trained = answer(sd)
    network.restore()
    try:
        loaded = loaded_by_lycoris(sd, path)
    except RuntimeError:
        return
    loaded.apply_to(sd.text_encoders[0], sd.unet, True, True)
    try:
        assert (answer(sd) - trained).abs().max() > 1e-3
    finally:
        loaded.restore()


@pytest.mark.parametrize("args", [CASES["lokr"], CASES["loha"], CASES["dora"]], ids=["lokr", "loha", "dora"])
def test_sdxl(sdxl, tmp_path, args):
    """The modules have the original names, and a file of them draws what was trained."""
    network = ours(sdxl, args)
    randomise(network)
    names = {lora.name for lora in network.loras}
    assert {"lora_unet_input_blocks_4_1_proj_in", "lora_te2_text_model_encoder_layers_0_mlp_fc1"} <= names
    assert not any("conv_in" in name or "time_embed" in name for name in names)
    network.apply_to_base()
    trained = answer(sdxl)
    network.restore()
    write(network, tmp_path / "a.safetensors")
    with applied(sdxl, tmp_path / "a.safetensors", 1.0):
        torch.testing.assert_close(answer(sdxl), trained, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", each())
def test_initial_weights_are_a_function_of_seed_and_name(sd, name):
    """Not of the modules made before: with the U-Net alone each is as with all."""
    args = CASES[name]
    torch.manual_seed(1)
    state = torch.get_rng_state()
    tensors, other = (ours(sd, args, seed=seed).training_state() for seed in (7, 8))
    ranks = Ranks(DIM, ALPHA, CONV_DIM, CONV_ALPHA, text_encoder=False)
    fewer = LycorisNetwork.create(sd, lycoris_args(args), ranks, seed=7).training_state()
    assert torch.equal(torch.get_rng_state(), state), "the global random state was used"
    assert all(torch.equal(tensors[name], tensor) for name, tensor in fewer.items())
    assert any(not torch.equal(tensors[name], other[name]) for name in tensors)
    assert 0 < len(fewer) < len(tensors)


@pytest.mark.parametrize("name", each())
def test_new_network_changes_nothing(sd, name):
    args = CASES[name]
    plain = answer(sd)
    network = ours(sd, args)
    network.apply_to_base()
    torch.testing.assert_close(answer(sd), plain, rtol=1e-5, atol=2e-6)
    network.restore()


@pytest.mark.parametrize("name", each())
def test_training_state_is_exact(sd, name):
    """A file has weight and scalar as one product; the state to resume from has both."""
    args = CASES[name]
    network, other = ours(sd, args), ours(sd, args, seed=1)
    randomise(network)
    for lora in network.loras:
        lora.limit_norm(0.01)
    state = {name: tensor.clone() for name, tensor in network.training_state().items()}
    other.load_training_state(state)
    assert all(torch.equal(tensor, state[name]) for name, tensor in other.training_state().items())
    assert {**other.file_tensors()}.keys() == network.file_tensors().keys()
    assert all(torch.equal(tensor, network.file_tensors()[name]) for name, tensor in other.file_tensors().items())


@pytest.mark.parametrize("name", each(("dora", "loha tucker", "lokr whole", "locon")))
def test_half_precision_base_draws(tiny_sd, sd, tmp_path, name):
    """As a GPU draws: a base in 16 bit, no autocast. LyCORIS' own forward stops there with DoRA."""
    network = ours(sd, CASES[name])
    randomise(network)
    write(network, tmp_path / "a.safetensors")
    with applied(sd, tmp_path / "a.safetensors", 1.0):
        exact = answer(sd)
    base = load_base(tiny_sd, torch.bfloat16)
    with applied(base, tmp_path / "a.safetensors", 1.0):
        drawn = answer(base, torch.bfloat16)
    assert (drawn - exact).norm() / exact.norm() < 0.03


def test_files_are_told_apart(sd, tmp_path):
    path = tmp_path / "a.safetensors"
    lora = LoRANetwork(sd, ranks_for(sd, 4, 2.0, conv_dim=2, conv_alpha=1.0))
    for network, metadata, expected in (
        (lora, {}, LoRANetwork),
        (ours(sd, CASES["lokr"]), {}, LycorisNetwork),
        (ours(sd, CASES["locon"]), {"ss_network_module": "lycoris.kohya"}, LycorisNetwork),
    ):
        write_lora(path, network.file_tensors(), metadata)
        assert is_lycoris(read_header(path)) == (expected is LycorisNetwork)
        assert type(network_from_file(sd, path)) is expected


@pytest.mark.parametrize(
    ("name", "algorithm", "dora"),
    [("locon", "LoRA", False), ("dora", "LoRA", True), ("loha tucker", "LoHa", True), ("lokr", "LoKr", False)],
)
def test_layout_names_the_algorithm(sd, tmp_path, name, algorithm, dora):
    write_lora(tmp_path / "a.safetensors", ours(sd, CASES[name]).file_tensors(), {})
    modules, others = read_modules(read_header(tmp_path / "a.safetensors").tensors)
    assert ({module.algorithm for module in modules}, {module.dora for module in modules}) == ({algorithm}, {dora})
    assert not others


def test_other_bases_and_other_algorithms_are_refused(sd, sdxl, tmp_path):
    path = tmp_path / "a.safetensors"
    write_lora(path, ours(sdxl, CASES["lokr"]).file_tensors(), {})
    with pytest.raises(SpriteLoraError, match="modules are not in this base model, such as lora_te1_"):
        network_from_file(sd, path)
    write_lora(path, {"lora_unet_conv_in.oft_blocks": torch.zeros(2, 4, 4)}, {})
    with pytest.raises(SpriteLoraError, match="no LoCon, LoHa or LoKr of this base model: lora_unet_conv_in has oft"):
        network_from_file(sd, path)
    with pytest.raises(SpriteLoraError, match="preset=unet-only adapts nothing that is trained here"):
        LycorisNetwork.create(sd, lycoris_args(["preset=unet-only"]), Ranks(4, 1.0, unet=False))
