"""The progress of a grid: live on a terminal, occasional lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType, TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.launch.schedule import Schedule
from cmkd_bench.launch.worker import Message

LINE_SECONDS = 10.0


class GridDisplay:
    """Shows runs done, running, failed and blocked, the remaining time, and the epoch of each running run.

    Args:
        console: destination; a terminal is updated in place, anything else gets a line every ten seconds.
        stage: step of the grid, if it has several.
        names: rows of the runs of variants, by run id; other runs are called by their methods.
    """

    def __init__(self, console: Console, stage: str = "", names: Mapping[str, str] = MappingProxyType({})) -> None:
        self._console, self._names = console, names
        self._stage = f"{stage}: " if stage else ""
        self._progress = Progress(
            TextColumn("runs"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._progress.add_task("runs", total=None)
        self._live = Live(self._progress, console=console, refresh_per_second=4, transient=True)
        self._next_line = 0.0
        self._last_wait = ""
        self._text = Text()

    def __enter__(self) -> GridDisplay:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()
        elif self._text:
            self._console.print(self._text, soft_wrap=True)

    def update(self, schedule: Schedule, running: Sequence[Message]) -> None:
        """Show the state of all runs."""
        total = len(schedule.specs)
        over = total - len(schedule.waiting) - len(schedule.running)
        self._progress.update(self._task, total=total, completed=over)
        counts = f"{self._stage}{_counts(schedule)}"
        self._text = Text(counts)
        wait = _wait(schedule, self._names)
        if self._console.is_terminal:
            at_work = [one for one in running if one.run_id not in schedule.held]
            texts = [_running(schedule.specs[one.run_id], one, self._names) for one in at_work]
            lines = [Text(f"  {text}", style="dim", no_wrap=True) for text in texts]
            lines += [Text(f"  {wait}", style="yellow")] if wait else []
            self._live.update(Group(self._progress, Text(f"  {counts}"), *lines))
        elif wait and wait != self._last_wait:
            self._last_wait = wait
            self._console.print(Text(wait, style="yellow"), soft_wrap=True)
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + LINE_SECONDS
            self._console.print(self._text, soft_wrap=True)


def _counts(schedule: Schedule) -> str:
    counts = {
        "done": len(schedule.done),
        "running": len(schedule.running),
        "waiting": len(schedule.waiting),
        "failed": len(schedule.failed),
        "blocked": len(schedule.blocked),
    }
    shown = [f"{count} {name}" for name, count in counts.items() if count or name == "done"]
    return f"{len(schedule.specs)} runs: {', '.join(shown)}"


def _wait(schedule: Schedule, names: Mapping[str, str]) -> str:
    """Return for whom this command waits, if it has nothing else to do."""
    if not schedule.held or schedule.running - set(schedule.held):
        return ""
    (first, who), *others = schedule.held.items()
    further = f", and for {len(others)} more runs" if others else ""
    name = _name(schedule.specs[first], names)
    return f"waiting for {name} ({first}): {who} works on it{further}. Ctrl-C ends the wait."


def _name(spec: RunSpec, names: Mapping[str, str]) -> str:
    direction = f"{spec.teacher_modality} → {spec.student_modality}" if spec.teacher_modality else spec.student_modality
    return f"{names.get(spec.id, spec.method)} {spec.dataset} {direction}, seed {spec.seed}"


def _running(spec: RunSpec, message: Message, names: Mapping[str, str]) -> str:
    direction = f"{spec.teacher_modality} → {spec.student_modality}" if spec.teacher_modality else spec.student_modality
    name, epoch = names.get(spec.id, spec.method), f"epoch {message.epoch}/{message.epochs or '?'}"
    return f"{name:<16} {spec.dataset} {direction}, seed {spec.seed}, {epoch}"
