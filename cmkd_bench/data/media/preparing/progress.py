"""The progress of preparing: a bar on a terminal, occasional lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

LINE_SECONDS = 10.0


class PreparationDisplay:
    """Shows clips done, clips per second and the remaining time.

    Args:
        console: destination; None shows nothing.
    """

    def __init__(self, console: Console | None) -> None:
        self._console = console

    @contextmanager
    def of(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show the progress of one task; yields a function that takes the amount done."""
        if self._console is None or not total:
            yield lambda _done: None
        elif self._console.is_terminal:
            with self._bar() as progress:
                task = progress.add_task(title, total=total)
                yield lambda done: progress.update(task, completed=done)
        else:
            yield _Lines(self._console, title, total).show

    def _bar(self) -> Progress:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Speed(), TextColumn("left"))
        return Progress(*columns, TimeRemainingColumn(), console=self._console, transient=True)


class _Speed(ProgressColumn):
    """Clips per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} clips/s" if speed else "")


class _Lines:
    """A line every ten seconds."""

    def __init__(self, console: Console, title: str, total: int) -> None:
        self._console, self._title, self._total = console, title, total
        self._begin = time.monotonic()
        self._next_line = self._begin + LINE_SECONDS

    def show(self, done: int) -> None:
        now = time.monotonic()
        if now < self._next_line or not done:
            return
        self._next_line = now + LINE_SECONDS
        speed = done / (now - self._begin)
        left = (self._total - done) / speed
        line = f"{self._title}: {done} of {self._total} clips, {speed:.1f} clips/s, {left / 60:.0f} min remaining"
        self._console.print(Text(line), soft_wrap=True)
