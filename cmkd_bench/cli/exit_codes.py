"""What the exit code of a command says."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of all commands."""

    DONE = 0
    USAGE = 2  # the user's mistake, explained in one message
    FAILED = 3  # something failed or is missing, and nothing is left to come
    INCOMPLETE = 4  # some runs are yet to be done
    INTERRUPTED = 130  # by Ctrl-C, as a shell counts it
