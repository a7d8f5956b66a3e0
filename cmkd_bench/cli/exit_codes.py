"""The exit codes of the commands, and the line that an interrupted one ends with."""

from collections.abc import Sequence
from enum import IntEnum

RESUME = "cmkd-bench: interrupted. Progress is saved; rerun the same command to resume."


def last_line(words: Sequence[str]) -> str:
    """Return the last line of a command that was interrupted, from its arguments."""
    return RESUME.replace("command to", "command without --force to") if "--force" in words else RESUME


class ExitCode(IntEnum):
    """Exit codes of all commands; `MEANINGS` says what they mean."""

    DONE = 0
    USAGE = 2
    FAILED = 3
    INCOMPLETE = 4
    INTERRUPTED = 130  # the code that shells use


MEANINGS = {
    ExitCode.DONE: "everything is done",
    ExitCode.USAGE: "the command is wrong; one message explains it",
    ExitCode.FAILED: "something failed or is missing, and nothing is pending",
    ExitCode.INCOMPLETE: "some runs are not done yet, a download is partial, or the machine is at fault, e.g. its disk "
    "is full; run the command again",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C",
}
