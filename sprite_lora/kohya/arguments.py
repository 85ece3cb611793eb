"""Lists of `key=value`, in which kohya takes the arguments of optimizers and of schedules."""

import ast
from collections.abc import Iterable
from typing import Any


def keyword_arguments(texts: Iterable[str]) -> dict[str, Any]:
    """`["weight_decay=0.1", "betas=0.9,0.99"]` as keyword arguments, values read as Python literals, as kohya does.

    Raises ValueError, which quotes the text, for one that is not `key=value`.
    """
    arguments: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        try:
            if not equals:
                raise ValueError("no `=`")
            if not key.strip().isidentifier():
                raise ValueError("the key is no name")
            arguments[key.strip()] = ast.literal_eval(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
            raise ValueError(f"{text[:80]!r} is not key=value: {str(error) or type(error).__name__}") from None
    return arguments
