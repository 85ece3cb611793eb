"""What the table of optimizer arguments accepts, the real optimizers take, and make a finite step with."""

import pytest
import torch
from fuzzing import examples
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from sprite_lora.kohya.optimizer_args import TAKEN, optimizer_problem
from stages.train.native.optimizer import optimizer_class

VALUES = (0.0, 1e-8, 0.5, 0.999, 1.0, 2.0, -0.8, 1, 5, True, False, None, (0.0, 0.5), (0.9, 0.999), (1e-30, 1e-3))
"""Values of every kind that some argument takes."""

ON_CPU = ("AdamW", "Adafactor", "Lion", "Prodigy")


@examples(60, 2000)
@given(st.sampled_from(ON_CPU), st.data())
def test_accepted_arguments_make_a_step(name, data):
    keys = data.draw(st.lists(st.sampled_from(list(TAKEN[name].model_fields)), unique=True, max_size=4))
    arguments = {key: data.draw(st.sampled_from(VALUES), label=key) for key in keys}
    try:
        TAKEN[name].model_validate(arguments)
    except ValidationError:
        assume(False)
    values = {
        "optimizer_type": name, "optimizer_args": tuple(f"{key}={value!r}" for key, value in arguments.items()),
        "learning_rate": 1.0, "backend": "native",
    }  # fmt: skip
    assume(not optimizer_problem(values))
    weight = torch.nn.Parameter(torch.ones(4, 3))
    rate = {"lr": None} if name == "Adafactor" and arguments.get("relative_step", True) else {"lr": 1e-3}
    optimizer = optimizer_class(name)([weight], **rate, **arguments)
    for _ in range(2):
        optimizer.zero_grad()
        (weight**2).sum().backward()
        optimizer.step()
    assert torch.isfinite(weight).all()


@pytest.mark.parametrize("name", ON_CPU)
def test_fields_are_arguments_of_the_constructor(name):
    import inspect

    assert set(TAKEN[name].model_fields) <= set(inspect.signature(optimizer_class(name).__init__).parameters)
