"""Options that are read the same way by several commands."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cmkd_bench.errors import UserError

RESUME = "Interrupted. Progress is saved; rerun the same command to resume."

Results = Annotated[Path, typer.Option(help="Folder of the experiments.")]
Plugins = Annotated[
    list[Path] | None, typer.Option("--plugin", help="File that registers a method, dataset or network; repeatable.")
]


def numbers(option: str, text: str) -> list[int]:
    """Whole numbers separated by commas.

    Raises:
        UserError: naming the option, if there is none or anything else.
    """
    try:
        found = [int(number) for number in text.split(",") if number.strip()]
    except ValueError:
        found = []
    if not found:
        raise UserError(f"{option} {text}: whole numbers separated by commas are wanted.")
    return found


def seeds(text: str | None) -> int | list[int] | None:
    """How many, or which: an int for `5`, a list for `0,3,7`.

    Raises:
        UserError: for anything else.
    """
    if text is None:
        return None
    found = numbers("--seeds", text)
    return found if "," in text else found[0]


def folds(text: str | None) -> str | list[int] | None:
    """Which, or `all`.

    Raises:
        UserError: for anything else.
    """
    return text if text in (None, "all") else numbers("--folds", text)


def names(given: Sequence[str] | str | None) -> list[str]:
    """The names of an option that may be repeated and may hold several, separated by commas."""
    texts = [given] if isinstance(given, str) else given or ()
    return list(dict.fromkeys(name.strip() for text in texts for name in text.split(",") if name.strip()))


def command(context: typer.Context) -> str:
    """The command that was given, as it can be given again."""
    given = (
        word
        for parameter in context.command.params
        if (value := context.params.get(str(parameter.name))) not in (None, parameter.default)
        for word in _words(parameter, value)
    )
    return shlex.join(["cmkd-bench", str(context.info_name), *given])


def _words(parameter: Any, value: Any) -> Iterator[str]:
    """One parameter as it is written on the command line."""
    values = value if isinstance(value, list | tuple) else [value]
    if parameter.param_type_name == "argument":
        yield from map(str, values)
    elif isinstance(value, bool):
        yield (parameter.opts if value else parameter.secondary_opts)[0]
    else:
        for one in values:
            yield from (parameter.opts[0], str(one))
