from pathlib import Path

from sprite_lora.lora import checkpoints


def test_names_are_kohyas():
    """A 10-epoch run of sd-scripts leaves 000001 to 000009 and an unnumbered last file."""
    names = [path.name for path in checkpoints.checkpoint_files(Path("c"), "x", 10, 1).values()]
    assert names == [*(f"x-{n:06d}.safetensors" for n in range(1, 10)), "x.safetensors"]


def test_the_last_epoch_is_saved_whatever_the_interval():
    assert checkpoints.saved_epochs(10, 3) == [3, 6, 9, 10]
    assert checkpoints.saved_epochs(9, 3) == [3, 6, 9]
    assert checkpoints.saved_epochs(2, 5) == [2]


def test_epoch_folders_sort_by_epoch():
    assert checkpoints.epoch_folder(Path("s"), 0).name == "epoch-00"
    assert checkpoints.epoch_folder(Path("s"), 12).name == "epoch-12"
