"""Loss and rates out of event files, one of them of sd-scripts v0.10.1 itself: benchmarks/kohya_backend.py, epoch 1."""

from pathlib import Path

import pytest

from stages.train.kohya.events import Follower, Steps, scalars

WRITTEN = Path(__file__).parent / "events_v0.10.1"

FIRST = {"loss": 0.38281, "lr/textencoder": 5e-05, "lr/unet": 0.0001}


def test_a_file_of_sd_scripts():
    found, used = scalars(WRITTEN.read_bytes())
    assert used == WRITTEN.stat().st_size
    steps = Steps()
    steps.add(found)
    assert steps.rows == [FIRST], "the last row is complete when nothing more comes"
    steps.end()
    assert [set(row) for row in steps.rows] == [set(FIRST)] * 2
    assert steps.rows[1]["loss"] == pytest.approx(0.4256494)


def test_a_file_that_grows_byte_by_byte(tmp_path):
    """Whole records count, whatever is there of the next one."""
    content, whole = WRITTEN.read_bytes(), Steps()
    whole.add(scalars(content)[0])
    whole.end()
    follower = Follower(tmp_path)
    with (tmp_path / "events.out.tfevents.1").open("ab", buffering=0) as file:
        for at in range(len(content)):
            file.write(content[at : at + 1])
            assert follower.rows() == whole.rows[: len(follower.rows())]
    assert follower.end() == whole.rows


def test_rates_that_the_optimizer_scales_and_those_under_a_number():
    steps = Steps()
    names = ("lr/unet", "lr/d*lr/unet", "lr/textencoder 1", "lr/group1", "lr/d*lr/group1", "lr/d*lr")
    steps.add([(1, "loss/current", 1.0), *((1, name, 0.1 * number) for number, name in enumerate(names, 1))])
    steps.end()
    assert steps.rows == [{"loss": 1.0, "lr/unet": 0.2, "lr/textencoder_1": pytest.approx(0.3)}]


def test_batches_of_an_epochs_short_last_step():
    """Two batches a step, three batches: accelerate ends the step with the epoch."""
    steps = Steps()
    steps.add([(0, "loss/current", 1.0), (1, "loss/current", 3.0), (2, "loss/current", 5.0)])
    steps.end()
    assert [row["loss"] for row in steps.rows] == [2.0, 5.0]
