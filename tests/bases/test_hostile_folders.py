"""A base model from anyone: nothing is read but safetensors below its folder, which its hash counts."""

import json
import os
import shutil
import sys
from pathlib import Path
from tempfile import gettempdir

import pytest
import torch
from places import ROOT

from sprite_lora.bases.base_model import load_base
from sprite_lora.bases.weights import require_plain
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.record import base_hash
from sprite_lora.lora.base_check import check_base

UNET = "unet/diffusion_pytorch_model.safetensors"
TEXT = "text_encoder/model.safetensors"
PARTS = ["text_encoder", "unet", "vae"]


@pytest.fixture
def base(tmp_path, tiny_sd):
    """A copy, with weights of another model beside it that it must not reach."""
    folder = tmp_path / "bases" / "tiny"
    shutil.copytree(tiny_sd, folder)
    shutil.copytree(folder, tmp_path / "outside")
    return folder


def edit(path, **changes):
    content = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(content | changes))


def index(folder, part, to):
    """An index that names `to` for each tensor, in the place of the weights."""
    weights = next((folder / part).glob("*.safetensors"))
    from safetensors import safe_open

    with safe_open(weights, "pt") as file:
        names = list(file.keys())
    weights.rename(weights.with_name("rest.safetensors"))
    content = {"metadata": {}, "weight_map": dict.fromkeys(names, to)}
    (folder / part / f"{weights.name}.index.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("part", "to"),
    [
        *((part, "../../../outside.safetensors") for part in PARTS),
        *(("text_encoder", to) for to in ("w.bin", "/etc/passwd", "../text_encoder/rest.safetensors", 5, None)),
    ],
)
def test_an_index_names_safetensors_files_beside_it_or_is_refused(base, part, to):
    shutil.copyfile(base / UNET, base.parent.parent / "outside.safetensors")
    torch.save({}, base / part / "w.bin")
    index(base, part, to)
    with pytest.raises(SpriteLoraError, match=r"index\.json names .*, no \.safetensors file beside it"):
        load_base(base)
    assert check_base(base, "params.yaml").findings, "and `validate` refuses it"


@pytest.mark.parametrize("part", PARTS[:2])
def test_an_index_of_files_beside_it_is_taken(base, tiny_sd, part):
    index(base, part, "rest.safetensors")
    found, wanted = load_base(base), load_base(tiny_sd)
    for one, other in ((found.unet, wanted.unet), (found.text_encoders[0], wanted.text_encoders[0])):
        assert all(
            torch.equal(*pair) for pair in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
        )
    require_plain(base, PARTS)


def hostile_config(base):
    """Everything with which a folder tells the libraries to look elsewhere, or to run something."""
    outside = str(base.parent.parent / "outside")
    (base / "evil.py").write_text("raise SystemExit('executed')")
    for folder in (base, *(base / part for part in PARTS)):
        edit(folder / "adapter_config.json", base_model_name_or_path=outside, peft_type="LORA")
        (folder / "evil.py").write_text("raise SystemExit('executed')")
    edit(base / "model_index.json", _class_name=["evil", "Evil"], unet=["evil", "Evil"], text_encoder=["os", "system"])
    for part in PARTS:
        edit(
            base / part / "config.json",
            _name_or_path=outside,
            auto_map={"AutoModel": "evil.Evil"},
            configuration_files=[f"../../../outside/{part}/config.4.0.0.json"],
            quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True},
            _attn_implementation="evil/kernels",
            attn_implementation="evil/kernels",
            trust_remote_code=True,
        )
        for name in ("pytorch_model.bin", "diffusion_pytorch_model.bin", "model.pt"):
            (base / part / name).write_bytes(b"\x80\x04cos\nsystem\n(S'touch sprung'\ntR.")


LEAVE_OPEN = ("/dev/", "/proc/", "/sys/", "/etc/")


def opened_while(call):
    """Files that Python opens; safetensors opens its own, which the view of `parts.from_folder` bounds.

    The names alone of a part's folder are left out: `rmtree` opens a temporary folder's own folders by them.
    """
    seen, on = [], [True]

    def hook(event, arguments):
        if on[0] and event == "open" and isinstance(arguments[0], str):
            seen.append(arguments[0])

    sys.addaudithook(hook)
    try:
        result = call()
    finally:
        on[0] = False
    return result, {Path(os.path.realpath(path)) for path in seen if path not in PARTS}


@pytest.mark.usefixtures("no_network")
def test_what_a_folder_holds_beside_weights_is_not_read(base, tiny_sd, tmp_path, monkeypatch):
    hostile_config(base)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("a pickle was read"))
    load_base(tiny_sd)
    loaded, opened = opened_while(lambda: load_base(base))
    ours = {path for path in opened if path.is_relative_to(tmp_path)}
    assert all(path.is_relative_to(base) for path in ours)
    assert {path.suffix for path in ours} <= {".json", ".safetensors", ".txt"}
    assert not [path for path in ours if path.name in ("adapter_config.json", "model_index.json")]
    elsewhere = {path for path in opened - ours if not str(path).startswith(LEAVE_OPEN)}
    allowed = (Path(sys.prefix), Path(sys.base_prefix), ROOT / "sprite_lora", Path(os.path.realpath(gettempdir())))
    assert not [path for path in elsewhere if not any(path.is_relative_to(place) for place in allowed)]
    assert not [path for path in elsewhere if path.is_relative_to(tmp_path.parent) and not path.is_relative_to(base)]
    expected = load_base(tiny_sd)
    for part in ("unet", "vae"):
        tensors, wanted = getattr(loaded, part).state_dict(), getattr(expected, part).state_dict()
        assert all(torch.equal(tensors[name], wanted[name]) for name in wanted)
    assert not Path("sprung").exists()


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda base: edit(base / "adapter_config.json"), "would make transformers load another model"),
        (lambda base: edit(base / "text_encoder/adapter_config.json"), "would make transformers load another model"),
        (lambda base: edit(base / "model_index.json", unet=["evil", "Evil"]), "model_index.json: unet is of"),
        (lambda base: edit(base / "model_index.json", unet=[["os"]]), "model_index.json: unet is of"),
        (lambda base: edit(base / "unet/config.json", auto_map={}), "auto_map can name other code"),
        (lambda base: (base / TEXT).rename(base / "text_encoder/other.safetensors"), "no model.safetensors"),
    ],
)
def test_sd_scripts_gets_no_folder_that_leads_elsewhere(base, harm, message):
    """It loads the folder by diffusers' own pipelines, which look for all of this."""
    require_plain(base, PARTS)
    harm(base)
    with pytest.raises(SpriteLoraError, match=message):
        require_plain(base, PARTS)


def test_a_folder_that_is_a_link_is_refused_for_its_content_is_not_hashed(base):
    before = base_hash(base)
    (base / "unet").rename(base.parent / "unet")
    (base / "unet").symlink_to(base.parent / "unet")
    assert base_hash(base) != before
    with pytest.raises(SpriteLoraError, match="unet is a link to a folder"):
        load_base(base)
    assert "unet is a link to a folder" in str(check_base(base, "params.yaml").findings)


def test_links_to_files_are_taken_as_a_hubs_cache_has_them(base):
    before = base_hash(base)
    blobs = base.parent / "blobs"
    blobs.mkdir()
    for name in (UNET, TEXT):
        (base / name).rename(blobs / Path(name).name)
        (base / name).symlink_to(blobs / Path(name).name)
    assert base_hash(base) == before
    load_base(base)
    content = bytearray((blobs / Path(UNET).name).read_bytes())
    content[-1] ^= 1
    (blobs / Path(UNET).name).write_bytes(content)
    assert base_hash(base) != before, "what they hold counts"


@pytest.mark.parametrize("name", [UNET, TEXT, "vae/diffusion_pytorch_model.safetensors"])
def test_a_pickle_by_the_name_of_safetensors_is_refused(base, name):
    torch.save({"w": torch.zeros(2)}, base / name)
    with pytest.raises(SpriteLoraError, match="a pickle, which can run code"):
        load_base(base)


@pytest.mark.parametrize(
    ("part", "content"),
    [
        *(("vae", content) for content in ("", "[]", "{}", '{"block_out_channels": "x"}', "\ud800", "[" * 100_000)),
        *(
            ("text_encoder", content)
            for content in ('{"hidden_size": -1}', '{"hidden_act": "x"}', '{"hidden_size": 1}')
        ),
        *(("unet", content) for content in ('{"down_block_types": ["os.system"]}', '{"sample_size": "x"}')),
    ],
)
def test_a_config_that_fits_nothing_is_said_in_one_line(base, part, content):
    (base / part / "config.json").write_bytes(content.encode(errors="surrogatepass"))
    with pytest.raises(SpriteLoraError):
        load_base(base)
