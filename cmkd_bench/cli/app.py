"""The command-line application: its commands, and how each one ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from cmkd_bench.cli.doctor import doctor
from cmkd_bench.cli.exit_codes import RESUME, ExitCode
from cmkd_bench.cli.jobs import cancel, collect, retry, status, watch
from cmkd_bench.cli.leaderboard import leaderboard
from cmkd_bench.cli.plot import diagnose, plot
from cmkd_bench.cli.prepare import fixture, prepare
from cmkd_bench.cli.report import report
from cmkd_bench.cli.reproduce import reproduce, sweep
from cmkd_bench.cli.run import run
from cmkd_bench.cli.show import list_, show
from cmkd_bench.errors import EnvironmentFault, UserError, bad_path, fault_of
from cmkd_bench.terminal import replace_unencodable, visible

COMMANDS = (
    *(run, leaderboard, list_, show, prepare, fixture, doctor, status, watch, cancel, retry, collect),
    *(plot, diagnose, report, reproduce, sweep),
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help takes half the time, and looks the same through a pipe
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Compare methods of cross-modal knowledge distillation on equal terms.",
)
for command in COMMANDS:
    app.command(command.__name__.rstrip("_"))(command)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; a user error or a fault of the machine prints one message.

    Args:
        argv: arguments after the program name (default: those of this process).
    """
    replace_unencodable(sys.stdout, sys.stderr)
    try:
        code = _call(argv)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe has seen enough, e.g. head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left cannot be flushed either
        return ExitCode.DONE
    except OSError as error:
        return _refuse(error)
    if code == ExitCode.INTERRUPTED:
        print(RESUME, file=sys.stderr)
    return code


def _call(argv: Sequence[str] | None) -> int:
    try:
        app(args=None if argv is None else list(argv), prog_name="cmkd-bench")
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
