"""What a user did wrong, said in one message: what was given, what is allowed, the nearest match, what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class UserError(Exception):
    """A mistake of the user's; the command line prints it without a traceback and ends with code 2."""


class UnknownName(UserError):
    """A name that nothing is registered under."""

    def __init__(self, kind: str, given: str, allowed: Iterable[str], next_command: str = "") -> None:
        names = sorted(allowed)
        message = f"unknown {kind} '{given}'."
        if nearest := nearest_match(given, names):
            message += f" Did you mean '{nearest}'?"
        message += f" Available: {', '.join(names) or 'none'}."
        if next_command:
            message += f" See: {next_command}"
        super().__init__(message)


class CannotTake(UserError):
    """A network is not made for the given inputs."""

    def __init__(self, network: str, kind: str, shape: tuple[int, ...], reason: Exception) -> None:
        article = "an" if kind == "image" else "a"
        super().__init__(f"network '{network}' cannot take {article} {kind} of shape {shape}: {reason}")


class GridError(UserError):
    """All the problems of a grid at once, found before anything is started."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        heading = "1 problem:" if len(problems) == 1 else f"{len(problems)} problems:"
        super().__init__("\n".join([heading, *(f"  - {problem}" for problem in problems)]))


def nearest_match(given: str, allowed: Iterable[str]) -> str | None:
    """The allowed name most like the given one, or None where nothing is alike."""
    lowered = {name.lower(): name for name in allowed}
    matches = difflib.get_close_matches(given.lower(), lowered, n=1, cutoff=0.5)
    return lowered[matches[0]] if matches else None
