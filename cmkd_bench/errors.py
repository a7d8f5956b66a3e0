"""User errors as one message each: what was given, what is allowed, the nearest match, and what to do next."""

from __future__ import annotations

import difflib
import errno
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

# Faults of the machine: what happened, and what to do about it.
_FAULTS = {
    errno.ENOSPC: ("the disk is full", "Make room"),
    errno.EDQUOT: ("the disk quota is used up", "Make room, or ask for a larger quota"),
    errno.EFBIG: ("the file would exceed the limit for file sizes", "Raise it (ulimit -f)"),
    errno.EROFS: ("the file system is read-only", "Make it writable, or choose another folder"),
    errno.EACCES: ("permission denied", "Change the permissions, or choose another folder"),
    errno.EPERM: ("operation not permitted", "Change the permissions, or choose another folder"),
    errno.ENOLCK: ("the file system provides no locks", "Use one that does (`cmkd-bench doctor` tests it)"),
    errno.EOPNOTSUPP: ("the file system does not support this", "Use another one (`cmkd-bench doctor` tests it)"),
    errno.EIO: ("input/output error", "Check the disk or the network"),
    errno.ESTALE: ("the network file system lost the file", "Check the network"),
    errno.EMFILE: ("too many open files", "Raise the limit (ulimit -n)"),
    errno.ENFILE: ("too many open files on this machine", "Close other programs"),
}
# Paths that cannot be right on any day.
_BAD_PATHS = {
    errno.ENAMETOOLONG: "the name is too long",
    errno.ENOTDIR: "a folder is expected here, but there is a file",
    errno.EISDIR: "a file is expected here, but there is a folder",
    errno.ELOOP: "the symbolic links form a circle",
}
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class UserError(Exception):
    """A mistake made by the user; the command line prints it without a traceback and exits with code 2."""


class UnknownName(UserError):
    """A name that is not registered."""

    def __init__(self, kind: str, given: str, allowed: Iterable[str], next_command: str = "") -> None:
        names = sorted(allowed)
        message = f"unknown {kind} '{shortened(given)}'."
        if nearest := nearest_match(given, names):
            message += f" Did you mean '{nearest}'?"
        message += f" Available: {', '.join(names) or 'none'}."
        if next_command:
            message += f" See: {next_command}"
        super().__init__(message)


class CannotTake(UserError):
    """A network that does not support the given inputs."""

    def __init__(self, network: str, inputs: str, reason: Exception) -> None:
        super().__init__(f"network '{network}' cannot take {inputs}: {reason}")


class GridError(UserError):
    """All problems of a grid, found before anything starts."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        heading = "1 problem:" if len(problems) == 1 else f"{len(problems)} problems:"
        super().__init__("\n".join([heading, *(f"  - {problem}" for problem in problems)]))


class EnvironmentFault(UserError, OSError):
    """A fault of the machine, e.g. a full disk: neither the command nor a run is at fault, and both can be repeated.

    Attributes:
        errno: its number in the operating system.
        place: the file; empty if it is unknown.
        what: the fault in a few words.
    """

    def __init__(self, message: str, number: int | None = None, place: str = "", what: str = "") -> None:
        super().__init__(message)
        self.errno, self.place, self.what = number, place, what


def fault_of(error: OSError, path: object = None, room: str = "") -> EnvironmentFault | None:
    """Return an error of the operating system as a fault of the machine, with the advice; None if it is none.

    Args:
        error: the error.
        path: the file, if the error does not name it.
        room: how much space is needed, as a sentence; used only if there is too little.
    """
    if isinstance(error, EnvironmentFault):
        return error
    if error.errno not in _FAULTS:
        return None
    what, advice = _FAULTS[error.errno]
    place = str(path or error.filename or "")
    needed = f" {room}" if room and error.errno in NO_ROOM else ""
    message = f"{f'{place}: ' if place else ''}{what}.{needed} {advice}, then rerun the same command."
    return EnvironmentFault(message, error.errno, place, what)


def fault_behind(error: BaseException, *, implicit: bool = False) -> OSError | None:
    """Return the fault of the machine that caused an error, or is the error itself; None if there is none.

    Args:
        error: the error.
        implicit: whether to look also at errors during whose handling it was raised.
    """
    one: BaseException | None = error
    while one is not None:
        if isinstance(one, OSError) and one.errno in _FAULTS:
            return one
        one = one.__cause__ or (one.__context__ if implicit else None)
    return None


def bad_path(error: OSError) -> UserError | None:
    """Return an error about a path that cannot be right as a user error; None for any other error."""
    if error.errno not in _BAD_PATHS:
        return None
    return UserError(f"{shortened(str(error.filename))}: {_BAD_PATHS[error.errno]}.")


def shortened(text: str, most: int = 120) -> str:
    """Return the beginning of a text that is too long to be read, with its length."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)"


def nearest_match(given: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed name that is most similar to the given one, or None if none is similar."""
    lowered = {name.lower(): name for name in allowed}
    matches = difflib.get_close_matches(given.lower(), lowered, n=1, cutoff=0.5)
    return lowered[matches[0]] if matches else None


def hint(given: str, allowed: Iterable[str]) -> str:
    """Return ` Did you mean '...'?` with the nearest match, or nothing if there is none."""
    nearest = nearest_match(given, allowed)
    return f" Did you mean '{nearest}'?" if nearest else ""


def place_of(results: Path) -> str:
    """Return the option that a printed command needs to find an experiment; empty for the default folder."""
    return "" if results == Path("results") else f" --results {shlex.quote(str(results))}"
