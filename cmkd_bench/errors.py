"""User errors as one message each: what was given, what is allowed, the nearest match, and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class UserError(Exception):
    """A mistake made by the user; the command line prints it without a traceback and exits with code 2."""


class UnknownName(UserError):
    """A name that is not registered."""

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
    """A network that does not support the given inputs."""

    def __init__(self, network: str, kind: str, shape: tuple[int, ...], reason: Exception) -> None:
        article = "an" if kind == "image" else "a"
        super().__init__(f"network '{network}' cannot take {article} {kind} of shape {shape}: {reason}")


class GridError(UserError):
    """All problems of a grid, found before anything starts."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        heading = "1 problem:" if len(problems) == 1 else f"{len(problems)} problems:"
        super().__init__("\n".join([heading, *(f"  - {problem}" for problem in problems)]))


def nearest_match(given: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed name that is most similar to the given one, or None if none is similar."""
    lowered = {name.lower(): name for name in allowed}
    matches = difflib.get_close_matches(given.lower(), lowered, n=1, cutoff=0.5)
    return lowered[matches[0]] if matches else None


def hint(given: str, allowed: Iterable[str]) -> str:
    """Return ` Did you mean '...'?` with the nearest match, or nothing if there is none."""
    nearest = nearest_match(given, allowed)
    return f" Did you mean '{nearest}'?" if nearest else ""
