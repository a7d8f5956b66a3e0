"""What planning is doing, which takes minutes for large datasets and many methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

Say = Callable[[str, str], None]
"""Is told a place, e.g. a dataset, and what is done there."""


@contextmanager
def planning_display(console: Console) -> Iterator[Say]:
    """Show each step on a terminal; elsewhere print one line per place."""
    if console.is_terminal:
        with console.status("Planning") as status:
            yield lambda place, what: status.update(Text(f"Planning {place}: {what}"))
        return
    places: set[str] = set()

    def say(place: str, what: str) -> None:
        if place not in places:
            places.add(place)
            console.print(Text(f"planning {place}"), soft_wrap=True)

    yield say
