"""`sprite-lora base`: lists of base models, and weights in the cache. The hub is a stand-in on loopback."""

import json
import shutil
from pathlib import Path

import pytest
from hub_stand_in import COMMIT, REPO, Hub, damage, machine, serving, sprite_lora

from sprite_lora.bases.whole import whole_base
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.files import sha256
from sprite_lora.core.record import base_hash
from sprite_lora.core.weight_list import LIST, read_list
from sprite_lora.lora.base_check import check_base

UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def project(tmp_path):
    (tmp_path / "models").mkdir()
    return tmp_path


@pytest.fixture
def hub(tiny_sd):
    """The tiny model as a repository, with all that is not to be taken beside it."""
    hub = Hub.of_folder(tiny_sd)
    extra = {
        ".gitattributes": b"x", "README.md": b"card", "v1.ckpt": b"\x80\x02", "whole.safetensors": b"x",
        "unet/diffusion_pytorch_model.fp16.safetensors": b"half", "unet/diffusion_pytorch_model.bin": b"\x80\x02",
        "unet/diffusion_pytorch_model.safetensors.index.fp16.json": b"{}", "vae_1_0/config.json": b"{}",
        "safety_checker/config.json": b"{}", "safety_checker/model.safetensors": b"x",
    }  # fmt: skip
    hub.files |= extra
    with serving(hub):
        yield hub


def add(project, hub, *arguments, **environment):
    done = sprite_lora(project, "base", "add", "tiny", *arguments, hub=hub, **environment)
    assert done.returncode == 0, done.stderr
    return project / "models/tiny"


def refused(done, *words):
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.startswith("error: "), done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    return done.stderr


def test_a_model_of_a_hub_is_listed_without_its_weights(project, hub, tiny_sd):
    folder = add(project, hub, "--repo", REPO)
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    weights = {path.relative_to(tiny_sd).as_posix() for path in tiny_sd.rglob("*.safetensors")}
    small = {path.relative_to(tiny_sd).as_posix() for path in tiny_sd.rglob("*") if path.is_file()} - weights
    assert names == small | {f"{name}.header.json" for name in weights} | {LIST}
    listed = read_list(folder)
    assert (listed.source.repo, listed.source.revision, {*listed.files}) == (REPO, COMMIT, weights)
    fetched = sum(len(hub.files[name]) for name in small)
    heads = sum(min(len(hub.files[name]), 512 * 1024) for name in weights)
    assert hub.sent < fetched + heads + 20_000, "no weight was fetched beyond its header"
    assert base_hash(folder) == base_hash(tiny_sd)
    assert not check_base(folder, "params.yaml").findings
    assert not [*project.glob("models/.*")], "nothing is left beside it"


def test_fetch_brings_the_weights_once(project, hub):
    add(project, hub, "--repo", REPO)
    for _ in range(2):
        done = sprite_lora(project, "base", "fetch", "tiny", hub=hub)
        assert done.returncode == 0, done.stderr
        assert "3 weight files" in done.stdout
    gets = [path for path in hub.asked() if path.endswith(UNET)]
    assert len(gets) == 2, "its header, then the whole"
    shutil.rmtree(project / "cache/hub")
    refused(
        sprite_lora(project, "base", "fetch", "tiny", hub=hub, HF_HUB_OFFLINE="1"),
        "not in this machine's cache, and HF_HUB_OFFLINE forbids",
    )


def test_a_damaged_file_in_the_cache_is_fetched_again(project, hub):
    add(project, hub, "--repo", REPO)
    sprite_lora(project, "base", "fetch", "tiny", hub=hub)
    (blob,) = (
        path.resolve()
        for path in (project / "cache/hub").rglob("diffusion_pytorch_model.safetensors")
        if "unet" in str(path)
    )
    content = bytearray(blob.read_bytes())
    content[-1] ^= 1
    blob.write_bytes(content)
    done = sprite_lora(project, "base", "fetch", "tiny", hub=hub)
    assert done.returncode == 0, done.stderr
    assert blob.read_bytes() == hub.files[UNET]


def test_a_damaged_file_of_ours_gives_way_to_the_hubs(project, hub, tiny_sd):
    folder = add(project, hub, "--repo", REPO)
    assert sprite_lora(project, "base", "fetch", "tiny", "--from", str(tiny_sd)).returncode == 0
    damage(project / "cache/assets")
    with machine(project / "cache", hub), pytest.raises(SpriteLoraError, match="its bytes are not those of"):
        whole_base(folder)
    done = sprite_lora(project, "base", "fetch", "tiny", hub=hub)
    assert done.returncode == 0, done.stderr
    with machine(project / "cache", hub):
        assert base_hash(whole_base(folder)) == base_hash(tiny_sd)


@pytest.mark.parametrize("change", ["no lfs", "no ranges"])
def test_a_hub_that_states_less_gives_the_same_list(project, hub, change):
    """What it does not state is computed from the file itself."""
    hub.lfs, hub.ranges = change != "no lfs", change != "no ranges"
    folder = add(project, hub, "--repo", REPO)
    stated = (folder / LIST).read_text()
    shutil.rmtree(folder)
    hub.lfs = hub.ranges = True
    assert (add(project, hub, "--repo", REPO, "--revision", "main") / LIST).read_text() == stated


def test_what_a_hub_refuses_is_said_in_words(project, hub):
    def run(*arguments, **more):
        return sprite_lora(project, "base", "add", "tiny", *arguments, hub=hub, **more)

    refused(run(), "from where?", "sd15, sdxl")
    refused(run("--repo", "no name"), "no name of a repository")
    refused(run("--repo", "some/other"), "HTTP status 404")
    refused(run("--repo", REPO, HF_HUB_OFFLINE="1"), "HF_HUB_OFFLINE is set")
    refused(run("--repo", REPO, "--url", "https://example.org/x"), "one of --repo, --url and --from")
    refused(sprite_lora(project, "base", "add", "../x", "--repo", REPO), "letters, digits")
    hub.status = 401
    secret = "hf_" + "s3cret" * 5
    assert secret not in refused(run("--repo", REPO, HF_TOKEN=secret), "HTTP status 401")
    hub.status = 200
    del hub.files["vae/config.json"]
    refused(run("--repo", REPO), "models/tiny/vae/config.json is missing", "nothing was written")
    del hub.files["model_index.json"]
    refused(run("--repo", REPO), "no model_index.json")
    assert not [*(project / "models").iterdir()]


def test_a_repository_cannot_write_outside_of_the_models_folder(project, hub):
    """Its list of files and its model_index.json are its owner's words."""
    hub.files["model_index.json"] = json.dumps({"..": ["a", "b"], "unet": ["a", "b"], "x/y": ["a", "b"]}).encode()
    hub.files |= {"../up.json": b"{}", "unet/../../up.json": b"{}", "unet/.hidden.json": b"{}", "x/y/z.json": b"{}"}
    folder = add(project, hub, "--repo", REPO)
    assert {path.name for path in project.iterdir()} == {"models", "cache"}
    assert not [*folder.rglob("up.json"), *folder.rglob(".hidden.json"), *folder.rglob("z.json")]


def test_files_of_this_machine_are_listed_and_kept(project, tiny_sd, tmp_path):
    source = tmp_path / "disk"
    shutil.copytree(tiny_sd, source)
    (source / ".cache").mkdir()
    (source / ".cache/x.json").write_text("{}")
    folder = add(project, None, "--from", str(source))
    assert json.loads((folder / LIST).read_text())["source"] is None
    assert base_hash(folder) == base_hash(tiny_sd)
    shutil.rmtree(source)
    assert sprite_lora(project, "base", "fetch", "tiny").returncode == 0, "the cache keeps its own"
    shutil.rmtree(project / "cache")
    refused(sprite_lora(project, "base", "fetch", "tiny"), "names no place", "base fetch tiny --from PLACE")
    done = sprite_lora(project, "base", "fetch", "tiny", "--from", str(tiny_sd))
    assert done.returncode == 0, done.stderr


def test_what_is_there_stays(project, tiny_sd):
    folder = add(project, None, "--from", str(tiny_sd))
    before = (folder / LIST).read_bytes()
    refused(sprite_lora(project, "base", "add", "tiny", "--from", str(tiny_sd)), "is there already")
    assert (folder / LIST).read_bytes() == before


def test_a_lora_is_no_base_model(project, tmp_path):
    import numpy as np
    from safetensors.numpy import save_file

    save_file({"lora_unet_x.lora_down.weight": np.zeros((4, 4), np.float32)}, tmp_path / "lora.safetensors")
    done = sprite_lora(project, "base", "add", "tiny", "--from", str(tmp_path / "lora.safetensors"))
    refused(done, "no U-Net with attention")
    assert not [*Path(project / "models").iterdir()]


@pytest.fixture
def site(single_sd, monkeypatch):
    """One file, as a site of models hands it out."""
    monkeypatch.setattr("sprite_lora.bases.download.PAUSES", (0,))
    with serving(Hub({"m.safetensors": single_sd.read_bytes()})) as hub:
        yield hub


def test_a_file_at_an_address_by_its_stated_hash(project, site, single_sd):
    """Its header is fetched, and nothing beyond the first part that is asked for."""
    stated = sha256(single_sd)
    url = f"{site.url}/file/m.safetensors?type=Model"
    folder = add(project, site, "--url", url, "--sha256", stated.upper())
    assert site.sent <= 512 * 1024 < single_sd.stat().st_size
    assert json.loads((folder / LIST).read_text()) == {
        "source": {"url": url},
        "files": {"tiny.safetensors": {"size": single_sd.stat().st_size, "sha256": stated}},
    }
    assert base_hash(folder) == base_hash(single_sd)
    assert sprite_lora(project, "base", "fetch", "tiny").returncode == 0
    (kept,) = (project / "cache").rglob("*.safetensors")
    assert kept.read_bytes() == single_sd.read_bytes()


def test_a_file_at_an_address_is_fetched_to_be_hashed(project, site, single_sd):
    url = f"{site.url}/file/m.safetensors"
    folder = add(project, site, "--url", url)
    assert base_hash(folder) == base_hash(single_sd)
    before = site.sent
    assert sprite_lora(project, "base", "fetch", "tiny").returncode == 0
    assert site.sent == before, "it is in the cache"


def test_addresses_and_hashes_that_are_refused(project, site, single_sd):
    def run(*arguments):
        return sprite_lora(project, "base", "add", "tiny", "--url", *arguments)

    url = f"{site.url}/file/m.safetensors"
    refused(run(url, "--sha256", "12"), "sha256", "nothing was written")
    assert "s3cr3t" not in refused(run("https://civitai.com/api/download/models/1?token=s3cr3t"), "CIVITAI_API_TOKEN")
    assert "s3cr3t" not in refused(run("https://me:s3cr3t@civitai.com/x"), "a user or a password")
    refused(run("http://example.org/m.safetensors"), "--url is not https")
    site.ranges = False
    refused(run(url, "--sha256", "0" * 64), f"gave a file with SHA-256 {sha256(single_sd)}", "nothing was kept")
    assert not [*(project / "cache").rglob("*.safetensors")]
    site.files["m.safetensors"] = b"<!DOCTYPE html>please log in" * 9
    refused(run(url), "a web page")
    assert not [*(project / "models").iterdir()]
    add(project, site, "--from", str(single_sd))


def test_a_list_whose_source_gives_another_file(project, site):
    folder = add(project, site, "--url", f"{site.url}/file/m.safetensors", "--sha256", "0" * 64)
    assert (folder / LIST).is_file(), "only its header was seen"
    refused(sprite_lora(project, "base", "fetch", "tiny"), "gave another file than the list names")
    assert not [*(project / "cache").rglob("*.safetensors")]
