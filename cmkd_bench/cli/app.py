"""The command-line application: its commands, and how each one ends."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from cmkd_bench.cli.check import check
from cmkd_bench.cli.doctor import doctor
from cmkd_bench.cli.exit_codes import ExitCode, last_line
from cmkd_bench.cli.jobs import cancel, retry
from cmkd_bench.cli.leaderboard import leaderboard
from cmkd_bench.cli.monitoring import collect, status, watch
from cmkd_bench.cli.new import new
from cmkd_bench.cli.plot import diagnose, plot
from cmkd_bench.cli.prepare import fixture, prepare
from cmkd_bench.cli.report import report
from cmkd_bench.cli.reproduce import reproduce, sweep
from cmkd_bench.cli.run import run
from cmkd_bench.cli.sharing import export, import_
from cmkd_bench.cli.show import list_, show
from cmkd_bench.errors import EnvironmentFault, UserError, bad_path, fault_of
from cmkd_bench.terminal import replace_unencodable, visible

COMMANDS = (
    *(run, leaderboard, list_, show, check, prepare, fixture, doctor, status, watch, cancel, retry, collect),
    *(plot, diagnose, report, export, import_, reproduce, sweep, new),
)

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help takes half the time, and looks the same through a pipe
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        from cmkd_bench.experiment.provenance import code_version

        typer.echo(f"cmkd-bench {code_version()}")
        raise typer.Exit


@app.callback()
def _options_of_all_commands(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Compare methods of cross-modal knowledge distillation on equal terms."""


for command in COMMANDS:
    app.command(command.__name__.rstrip("_"))(command)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; a user error or a fault of the machine prints one message.

    Args:
        argv: arguments after the program name (default: those of this process).
    """
    replace_unencodable(sys.stdout, sys.stderr)
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        code = _call(words)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe has seen enough, e.g. head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left cannot be flushed either
        return ExitCode.DONE
    except OSError as error:
        return _refuse(error)
    if code == ExitCode.INTERRUPTED:
        print(last_line(words), file=sys.stderr)
    return code


def _call(words: Sequence[str]) -> int:
    try:
        _refuse_empty(words)
        app(args=list(words), prog_name="cmkd-bench")
    except SystemExit as end:  # raised by typer for usage errors, --help, exit codes and Ctrl-C
        return int(end.code or ExitCode.DONE)
    except UserError as error:
        return _refuse(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return ExitCode.DONE


def _refuse(error: UserError | OSError) -> int:
    """Print the message of an error that is no bug of this program, and return its exit code."""
    shown = error if isinstance(error, UserError) else bad_path(error) or fault_of(error)
    if shown is None:
        raise error
    print(f"cmkd-bench: {visible(str(shown))}", file=sys.stderr)
    return ExitCode.INCOMPLETE if isinstance(shown, EnvironmentFault) else ExitCode.USAGE


def _refuse_empty(words: Sequence[str]) -> None:
    """Refuse empty values, which an unset shell variable leaves behind, instead of taking them for the default.

    Raises:
        UserError: naming the option.
    """
    for before, word in itertools.pairwise(("", *words)):
        if word and not (word.startswith("--") and word.endswith("=")):
            continue
        option = word.rstrip("=") or (before if before.startswith("-") else "an argument")
        raise UserError(f"{option} is empty; is a shell variable unset? Give a value, or omit it for the default.")
