import pytest
from PIL import Image

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.header import read_header
from sprite_lora.dataset.regularisation import folders, read_regularisation


def picture(path, caption=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (48, 48), "#336699").save(path)
    if caption is not None:
        path.with_suffix(".txt").write_text(caption)


def test_pictures_captions_and_repeats(tmp_path):
    picture(tmp_path / "3_a person" / "x.png", "a man, smiling\nsecond line")
    picture(tmp_path / "3_a person" / "y.jpg")
    picture(tmp_path / "1_cat" / "z.png", "")
    read = [(regular.path.name, regular.caption, regular.repeats) for regular in read_regularisation(tmp_path)]
    assert read == [("z.png", "", 1), ("x.png", "a man, smiling", 3), ("y.jpg", "a person", 3)]
    assert folders(read_regularisation(tmp_path)) == {
        "1_cat": {"n_repeats": 1, "img_count": 1},
        "3_a person": {"n_repeats": 3, "img_count": 2},
    }


def test_empty_folder_has_none(tmp_path):
    (tmp_path / ".gitkeep").touch()
    assert read_regularisation(tmp_path) == []


@pytest.mark.parametrize("name", ["x.png", "cat/x.png", "0_cat/x.png", "1_cat/more/x.png"])
def test_picture_outside_of_its_folder_is_refused(tmp_path, name):
    picture(tmp_path / name)
    with pytest.raises(SpriteLoraError, match="not in a folder <repeats>_<class>"):
        read_regularisation(tmp_path)


def test_they_are_trained(project):
    project.edit(max_train_epochs=1)
    plain = project.train()
    picture(project.root / "regularisation" / "1_person" / "a.png")
    picture(project.root / "regularisation" / "1_person" / "b.png", "b")
    project.forget()
    assert project.train() != plain
    metadata = read_header(project.root / "outputs/checkpoints/t.safetensors").metadata
    assert metadata["ss_num_reg_images"] == "2"
    assert metadata["ss_num_batches_per_epoch"] == "5", "as many of them as training pictures: 5 + 5 in batches of 2"


def test_weight_multiplies_their_loss_alone(project, make_run):
    import dataclasses

    run = make_run(project, min_snr_gamma=None)
    regular = dataclasses.replace(run.pictures[1], weight=0.25)
    assert run.batch([run.pictures[0], regular], 3).weights.tolist() == [1.0, 0.25]
