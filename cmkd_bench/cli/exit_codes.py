"""The exit codes of the commands, and the line that an interrupted one ends with."""

from collections.abc import Sequence
from enum import IntEnum

RESUME = "cmkd-bench: interrupted. Progress is saved; rerun the same command to resume."


def last_line(words: Sequence[str]) -> str:
    """Return the last line of a command that was interrupted, from its arguments."""
    return RESUME.replace("command to", "command without --force to") if "--force" in words else RESUME


class ExitCode(IntEnum):
    """Exit codes of all commands."""

    DONE = 0
    USAGE = 2  # a user error, explained in one message
    FAILED = 3  # something failed or is missing, and nothing is pending
    # some runs are not done yet, a download is partial, or the machine is at fault, e.g. a full disk; run it again
    INCOMPLETE = 4
    INTERRUPTED = 130  # stopped by Ctrl-C; the code that shells use
