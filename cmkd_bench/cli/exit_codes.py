"""The exit codes of the commands."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of all commands."""

    DONE = 0
    USAGE = 2  # a user error, explained in one message
    FAILED = 3  # something failed or is missing, and nothing is pending
    INCOMPLETE = 4  # some runs are not done yet
    INTERRUPTED = 130  # stopped by Ctrl-C; the code that shells use
