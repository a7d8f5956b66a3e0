"""The command-line application: its commands, and how each one ends."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

import typer

from cmkd_bench.cli.doctor import doctor
from cmkd_bench.cli.exit_codes import ExitCode
from cmkd_bench.cli.jobs import cancel, collect, retry, status, watch
from cmkd_bench.cli.leaderboard import leaderboard
from cmkd_bench.cli.plot import diagnose, plot
from cmkd_bench.cli.prepare import fixture, prepare
from cmkd_bench.cli.report import report
from cmkd_bench.cli.reproduce import reproduce, sweep
from cmkd_bench.cli.run import run
from cmkd_bench.cli.show import list_, show
from cmkd_bench.errors import UserError
from cmkd_bench.terminal import visible

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
    """Run a command and return its exit code; a user error prints one message and returns 2.

    Args:
        argv: arguments after the program name (default: those of this process).
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show an arrow gets a question mark
    try:
        app(args=None if argv is None else list(argv), prog_name="cmkd-bench")
    except SystemExit as end:  # raised by typer for usage errors, --help and exit codes
        return int(end.code or ExitCode.DONE)
    except UserError as error:
        print(f"cmkd-bench: {visible(str(error))}", file=sys.stderr)
        return ExitCode.USAGE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return ExitCode.DONE
