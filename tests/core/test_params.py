import pytest
from pydantic import Field

from sprite_lora.core.errors import SpriteLoraError
from sprite_lora.core.params import Section, load
from sprite_lora.core.yaml_text import parse


class Sample(Section):
    key = "sample"

    steps: int = Field(description="denoising steps")
    guidance_scale: float = Field(description="CFG weight")


@pytest.fixture
def params(tmp_path):
    def write(text):
        file = tmp_path / "params.yaml"
        file.write_text(text)
        return file

    return write


def test_values_arrive_typed_and_cannot_change(params):
    sample = load(Sample, params("sample:\n  steps: 30\n  guidance_scale: 1e1\n"))
    assert (sample.steps, sample.guidance_scale) == (30, 10.0)
    with pytest.raises(ValueError, match="frozen"):
        sample.steps = 3


def test_yaml_is_read_as_dvc_writes_it():
    """`dvc exp run -S` writes YAML 1.2: `no` without quotes is a word."""
    assert parse("a: no\nb: 1e-4\nc: on\nd: null\n") == {"a": "no", "b": 1e-4, "c": "on", "d": None}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "sample:\n  steps: 30\n  guidance_scale: 5\n  stepps: 3\n",
            ":4: unknown key `sample.stepps`; did you mean `steps`?",
        ),
        ("sample:\n  steps: many\n  guidance_scale: 5\n", ":2: `sample.steps` is 'many'"),
        ("sample:\n  guidance_scale: 5\n", ":1: key `sample.steps` is missing"),
        ("train: {}\n", "section `sample` is missing"),
        ("sample: [\n", "not valid YAML"),
        ("sample:\n  steps: 3\n  steps: 4\n", "not valid YAML"),
        ("just words\n", "holds no sections"),
    ],
)
def test_a_mistake_is_named_with_its_line(params, text, said):
    file = params(text)
    with pytest.raises(SpriteLoraError) as error:
        load(Sample, file)
    assert said in str(error.value)
    assert str(file) in str(error.value)


def test_all_mistakes_of_a_section_in_one_message(params):
    with pytest.raises(SpriteLoraError) as error:
        load(Sample, params("sample:\n  steps: many\n  x: 1\n"))
    assert all(words in str(error.value) for words in ("sample.steps", "sample.x", "sample.guidance_scale"))


def test_no_params_file_is_said_plainly(tmp_path):
    with pytest.raises(SpriteLoraError, match="does not exist"):
        load(Sample, tmp_path / "params.yaml")
