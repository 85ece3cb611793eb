import json
import math

from sprite_lora.core.plain_text import plain
from sprite_lora.core.terminal import console, print_json


def test_control_characters_are_replaced():
    assert plain("a\x1b]0;b\x07\tc\nd\u202e é\udc80") == "a?]0;b? c d? é?"


def test_brackets_are_no_markup(capsys):
    console().print("[red]a[/red] [/b] 12")
    assert capsys.readouterr().out == "[red]a[/red] [/b] 12\n"


def test_a_pipe_has_the_width_that_is_asked_for(capsys):
    console(40).print("word " * 20)
    assert max(map(len, capsys.readouterr().out.splitlines())) in range(35, 41)


def test_json_holds_what_json_has_no_word_for(capsys):
    print_json({"a": [math.inf, -math.inf, math.nan, 1.5], "é": "\udc80", "b": (1, None)})
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"a": ["inf", "-inf", "nan", 1.5], "é": "\udc80", "b": [1, None]}
    assert '"é": "\\udc80"' in printed
