"""Options that several commands share."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cmkd_bench.cli import completion
from cmkd_bench.errors import EnvironmentFault, UnknownName, UserError, place_of
from cmkd_bench.terminal import visible

if TYPE_CHECKING:
    from cmkd_bench.experiment.store import Experiment

PIPED_WIDTH = 200  # of tables that a program reads, so that no line is wrapped or cut
EXPERIMENT = typer.Argument(
    metavar="[EXPERIMENT]",
    help="Experiment name (default: the latest experiment).",
    autocompletion=completion.experiments,
)
Results = Annotated[Path, typer.Option(help="Folder that contains the experiments.")]
Plugins = Annotated[
    list[Path] | None,
    typer.Option("--plugin", help="Python file that registers a method, dataset or network; repeatable."),
]

FORMS = ("rich", "json")
Form = Annotated[str, typer.Option("--format", help="Output format: rich or json.")]


def check_form(form: str) -> None:
    """Check that an output format exists.

    Raises:
        UnknownName: if it does not.
    """
    if form not in FORMS:
        raise UnknownName("format", form, FORMS)


def print_json(values: Any) -> None:
    """Print values as JSON on stdout; in a text, what is no ASCII is escaped, so that no encoding can spoil it."""
    import json

    print(json.dumps(values, indent=2, allow_nan=False))


def say_unwritten(faults: Sequence[EnvironmentFault]) -> None:
    """Say which files a command could not write, and why."""
    by_reason: dict[str, list[str]] = {}
    for fault in faults:
        by_reason.setdefault(fault.what, []).append(visible(fault.place))
    for what, places in by_reason.items():
        print(f"cmkd-bench: not written: {', '.join(dict.fromkeys(places))}: {what}.", file=sys.stderr)


def load_plugins(files: Sequence[Path] | None) -> None:
    """Import the files of `--plugin`.

    Raises:
        UserError: if one cannot be imported or registers nothing.
    """
    from cmkd_bench.registry import load_plugin

    for file in files or ():
        load_plugin(file)


def numbers(option: str, text: str) -> list[int]:
    """Parse integers separated by commas.

    Raises:
        UserError: if the text is empty or contains anything else; the message names the option.
    """
    try:
        found = [int(number) for number in text.split(",") if number.strip()]
    except ValueError:
        found = []
    if not found:
        raise UserError(f"{option} {text}: expected integers separated by commas.")
    return found


def seeds(text: str | None) -> int | list[int] | None:
    """Parse `--seeds`: an int (a count) for `5`, a list for `0,3,7`.

    Raises:
        UserError: for any other text.
    """
    if text is None:
        return None
    found = numbers("--seeds", text)
    return found if "," in text else found[0]


def folds(text: str | None) -> str | list[int] | None:
    """Parse `--folds`: fold numbers, or `all`.

    Raises:
        UserError: for any other text.
    """
    return text if text in (None, "all") else numbers("--folds", text)


def names(given: Sequence[str] | str | None) -> list[str]:
    """Return the names in an option that can be repeated and can contain several names, separated by commas."""
    from cmkd_bench.config.overrides import split_at_commas

    texts = [given] if isinstance(given, str) else given or ()
    return list(dict.fromkeys(name.strip() for text in texts for name in split_at_commas(text) if name.strip()))


def say_damage(experiment: Experiment) -> None:
    """Name the damaged files without which a command went on; on stderr, because stdout may be a table to pipe."""
    from cmkd_bench.experiment.damage import named

    for line in named(experiment.damaged.values(), experiment.name, place_of(experiment.root)):
        print(line, file=sys.stderr)


def command(context: typer.Context, without: Collection[str] = ()) -> str:
    """Return the current command as text that can be run again, without some of its options."""
    given = (
        word
        for parameter in context.command.params
        if parameter.name not in without
        and (value := context.params.get(str(parameter.name))) not in (None, parameter.default)
        for word in _words(parameter, value)
    )
    return shlex.join(["cmkd-bench", str(context.info_name), *given])


def _words(parameter: Any, value: Any) -> Iterator[str]:
    """Yield the words of one parameter as written on the command line."""
    values = value if isinstance(value, list | tuple) else [value]
    if parameter.param_type_name == "argument":
        yield from map(str, values)
    elif isinstance(value, bool):
        yield (parameter.opts if value else parameter.secondary_opts)[0]
    else:
        for one in values:
            yield from (parameter.opts[0], str(one))
