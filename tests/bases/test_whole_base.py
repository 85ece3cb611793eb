"""A list in the place of weights: the same base model for all who read it, verified before it is loaded."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from hub_stand_in import REPO, Hub, machine, other_process, serving, sprite_lora

from sprite_lora.bases.autoencoder import vae_problem
from sprite_lora.bases.base_model import load_base
from sprite_lora.bases.registry import family_of
from sprite_lora.bases.weights import model_path, require_plain
from sprite_lora.bases.whole import whole_base
from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.record import base_hash
from sprite_lora.core.weight_list import LIST
from sprite_lora.dataset.tokens import clip_tokenizer, load_tokenizer
from sprite_lora.kohya.metadata import short_hash
from sprite_lora.lora.base_check import check_base
from sprite_lora.lora.size import lora_targets

UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def listed(tmp_path, tiny_sd):
    """The tiny model's list, as `base add` writes it, in a folder of its name, and its weights in the cache."""
    (tmp_path / "models").mkdir()
    done = sprite_lora(tmp_path, "base", "add", tiny_sd.name, "--from", str(tiny_sd))
    assert done.returncode == 0, done.stderr
    with machine(tmp_path / "cache"):
        yield tmp_path / "models" / tiny_sd.name


def test_a_whole_model_is_itself(tiny_sd, single_sd):
    assert whole_base(tiny_sd) == tiny_sd
    assert whole_base(single_sd) == single_sd


def test_list_and_weights_are_one_base(listed, tiny_sd):
    """For validation, the record, the plan and the checkpoints' metadata."""
    shutil.move(listed.parent.parent / "cache", listed.parent.parent / "away")  # the list alone
    assert base_hash(listed) == base_hash(tiny_sd)
    assert family_of(listed) == family_of(tiny_sd)
    assert lora_targets(listed) == lora_targets(tiny_sd)
    one, other = check_base(listed, "x"), check_base(tiny_sd, "x")
    assert (one.findings, one.configs) == (other.findings, other.configs) == ([], other.configs)
    assert one.tokenizer.token_ids("pixel art") == other.tokenizer.token_ids("pixel art")
    assert sum(path.stat().st_size for path in listed.rglob("*")) < 10e6


def test_what_is_loaded_has_the_same_weights_and_name(listed, tiny_sd):
    place = whole_base(listed)
    assert place.name == tiny_sd.name
    assert base_hash(place) == base_hash(tiny_sd)
    require_plain(place, ["text_encoder", "unet", "vae"])
    found, wanted = load_base(listed), load_base(tiny_sd)
    for part in ("unet", "vae"):
        pairs = zip(getattr(found, part).state_dict().items(), getattr(wanted, part).state_dict().items(), strict=True)
        assert all(one == other and torch.equal(a, b) for (one, a), (other, b) in pairs)


def test_a_changed_file_in_the_cache_is_not_loaded(listed):
    place = (whole_base(listed) / UNET).resolve()
    content = bytearray(place.read_bytes())
    content[-1] ^= 1
    place.unlink()
    place.write_bytes(content)
    with pytest.raises(SpriteLoraError, match=f"its bytes are not those of {UNET}.*weights.json") as error:
        load_base(listed)
    assert str(place) in str(error.value), "the file is named"
    assert f"sprite-lora base fetch {listed.name}" in error.value.hint


def test_a_cache_that_was_edited_is_laid_out_again(listed, tiny_sd):
    place = whole_base(listed)
    (place / "unet/config.json").write_text("{}")
    (place / "vae/extra.safetensors").write_text("x")
    (place / UNET).unlink()
    assert base_hash(whole_base(listed)) == base_hash(tiny_sd)


def test_a_changed_config_in_the_project_counts(listed):
    before = base_hash(listed), whole_base(listed)
    config = listed / "scheduler/scheduler_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"prediction_type": "v_prediction"}))
    assert base_hash(listed) != before[0]
    assert "v_prediction" in (whole_base(listed) / "scheduler/scheduler_config.json").read_text()


def test_a_header_of_another_file_is_found(listed):
    """Validation read it, and planned by it."""
    header = listed / f"{UNET}.header.json"
    header.write_text(header.read_text().replace("conv_in.weight", "conv_1n.weight"))
    with pytest.raises(SpriteLoraError, match=r"header\.json is not the header of that file"):
        load_base(listed)


def test_weights_that_nobody_can_fetch(listed):
    shutil.rmtree(listed.parent.parent / "cache")
    with pytest.raises(SpriteLoraError, match="not in this machine's cache, and its list names no place") as error:
        whole_base(listed)
    assert "--from PLACE" in error.value.hint


def test_a_list_stands_for_no_autoencoder(listed):
    assert "stands for a base model alone" in vae_problem(listed)


def test_weights_beside_a_list_are_refused(listed, tiny_sd):
    """DVC would hash another folder on each machine."""
    shutil.copy(tiny_sd / UNET, listed / UNET)
    (finding,) = check_base(listed, "x").findings
    assert f"{UNET} lies beside weights.json" in finding.message


def test_a_single_sd_by_its_list(tmp_path, single_sd):
    (tmp_path / "models").mkdir()
    done = sprite_lora(tmp_path, "base", "add", "merged", "--from", str(single_sd))
    assert done.returncode == 0, done.stderr
    listed = tmp_path / "models/merged"
    assert {path.name for path in listed.iterdir()} == {LIST, "merged.safetensors.header.json"}
    assert base_hash(listed) == base_hash(single_sd)
    assert family_of(listed) == family_of(single_sd)
    assert lora_targets(listed) == lora_targets(single_sd)
    one, other = check_base(listed, "x"), check_base(single_sd, "x")
    assert (one.findings, one.configs) == (other.findings, other.configs) == ([], other.configs)
    with machine(tmp_path / "cache"):
        place = whole_base(listed)
    assert (place.name, place.read_bytes()) == (single_sd.name, single_sd.read_bytes())
    assert short_hash(place) == short_hash(single_sd)
    assert load_tokenizer(model_path(listed)) is clip_tokenizer(), "in validation's other processes"


def test_loading_fetches_what_is_missing_once_for_two_processes(tmp_path, tiny_sd):
    (tmp_path / "models").mkdir()
    with serving(Hub.of_folder(tiny_sd)) as hub:
        sprite_lora(tmp_path, "base", "add", "t", "--repo", REPO, hub=hub)
        hub.seen.clear()
        code = (
            "from pathlib import Path; from sprite_lora.bases import whole; print(whole.whole_base(Path('models/t')))"
        )
        running = [other_process(tmp_path, "-c", code, hub=hub) for _ in range(2)]
        ended = [process.communicate(timeout=300) for process in running]
        assert [process.returncode for process in running] == [0, 0], ended
        places = {out.strip() for out, _ in ended}
        assert len(places) == 1
        assert base_hash(Path(places.pop())) == base_hash(tiny_sd)
        assert len([path for path in hub.asked() if path.endswith(UNET)]) == 1, "one of them fetched it"
        offline = other_process(tmp_path, "-c", code, HF_HUB_OFFLINE="1")
        assert (offline.communicate()[0].strip(), offline.returncode) == (ended[0][0].strip(), 0), (
            "and none is needed now"
        )
