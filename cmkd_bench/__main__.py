"""`cmkd-bench` and `python -m cmkd_bench`: a command as a process that Ctrl-C ends at any moment, with one line."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from cmkd_bench.cli.exit_codes import ExitCode, last_line

if TYPE_CHECKING:
    from sys import UnraisableHookArgs


class _Interruption:
    """Answers Ctrl-C: the first time by KeyboardInterrupt, which lets runs end their epochs; then at once."""

    def __init__(self) -> None:
        self.was_asked = False

    def answer(self, _number: int, _frame: FrameType | None) -> None:
        """Answer the signal."""
        if self.was_asked:
            end_now()
        self.was_asked = True
        raise KeyboardInterrupt

    def notice(self, ignored: UnraisableHookArgs) -> None:
        """End the process where Python would only print the interruption, e.g. in a destructor."""
        if isinstance(ignored.exc_value, KeyboardInterrupt):
            end_now()
        sys.__unraisablehook__(ignored)


def end_now() -> NoReturn:
    """End this process at once; runs in worker processes notice it and stop after their epochs."""
    show_cursor = "\x1b[?25h" if sys.stdout is not None and sys.stdout.isatty() else ""
    os.write(2, f"{show_cursor}{last_line(sys.argv)}\n".encode())
    os._exit(ExitCode.INTERRUPTED)


def main() -> int:
    """Run the command of this process and return its exit code."""
    interruption = _Interruption()
    # A shell lets commands in the background ignore Ctrl-C.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interruption.answer)
        sys.unraisablehook = interruption.notice
    try:
        from cmkd_bench.cli.app import main as run_command

        code = run_command()
    except BaseException:  # also what a library makes of an interruption
        if not interruption.was_asked:
            raise
        end_now()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command is over; only the interpreter has still to end
    return code


if __name__ == "__main__":
    sys.exit(main())
