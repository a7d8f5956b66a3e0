"""The order of runs: a student waits for its teacher, and is blocked if the teacher failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from cmkd_bench.experiment.faults import size
from cmkd_bench.experiment.run_files import RunFiles
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.experiment.store import Experiment

MAX_DEATHS = 3
BUSY_SECONDS = 1.0


@dataclass
class Schedule:
    """The unfinished runs of a plan."""

    experiment: Experiment  # experiment with the runs
    specs: Mapping[str, RunSpec]  # by id, teachers first
    waiting: dict[str, float] = field(default_factory=dict)  # ids that have not started
    running: set[str] = field(default_factory=set)  # ids that a worker is running
    done: set[str] = field(default_factory=set)  # ids with a result
    failed: set[str] = field(default_factory=set)  # ids with an error
    blocked: set[str] = field(default_factory=set)  # ids whose teacher failed
    deaths: dict[str, int] = field(default_factory=dict)  # how many workers have died during a run
    held: dict[str, str] = field(default_factory=dict)  # who works on a run that another command or machine has
    # what workers have to tell the user, e.g. that they set a damaged file aside.
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for run_id in self.specs:
            self.waiting[run_id] = 0.0
            self._settle(run_id)
        self._block()

    @property
    def is_over(self) -> bool:
        """Whether no run is left to start or to finish."""
        return not self.waiting and not self.running

    def next(self, accepts: Callable[[RunSpec], bool] = lambda spec: True) -> str | None:
        """Start the next run that may start now and is accepted, and return its id."""
        run_id = self.first(accepts)
        if run_id is not None:
            del self.waiting[run_id]
            self.running.add(run_id)
        return run_id

    def first(self, accepts: Callable[[RunSpec], bool]) -> str | None:
        """Return the run that `next` would start; one that another command works on is checked again later."""
        now = time.monotonic()
        for run_id, not_before in self.waiting.items():
            spec = self.specs[run_id]
            if not_before <= now and self.done.issuperset(spec.teacher_ids) and accepts(spec):
                return run_id
        return None

    def give_back(self, run_id: str, delay: float = 0.0) -> None:
        """Put an unfinished run back."""
        self.running.discard(run_id)
        self.waiting[run_id] = time.monotonic() + delay
        self._settle(run_id)

    def finish(self, run_id: str) -> None:
        """Read the outcome of a run from its folder."""
        self.running.discard(run_id)
        self.waiting[run_id] = 0.0
        self._settle(run_id)
        if run_id in self.waiting:
            self._reconsider(self.specs[run_id].teacher_ids)
        self._block()

    def worker_died(self, run_id: str) -> bool:
        """Put a dead worker's run back, and return whether workers have died too often during the run to retry it."""
        self.deaths[run_id] = self.deaths.get(run_id, 0) + 1
        self.give_back(run_id)
        return self.deaths[run_id] >= MAX_DEATHS and run_id in self.waiting

    def room_needed(self) -> str:
        """Estimate the space on the disk for the runs that are left, from the finished ones, as a sentence."""
        left = len(self.waiting) + len(self.running)
        known = [path.stat().st_size for run_id in self.done for path in self.experiment.run(run_id).path.iterdir()]
        if not known:
            return f"Runs left: {left}."
        return f"Runs left: {left}; they take about {size(left * sum(known) / len(self.done))}."

    def _settle(self, run_id: str) -> None:
        folder = self.experiment.run(run_id)
        if folder.is_done():
            self.done.add(run_id)
        elif folder.has_failed():
            self.failed.add(run_id)
        else:
            return
        self.waiting.pop(run_id, None)
        self.held.pop(run_id, None)

    def _reconsider(self, teachers: Iterable[str]) -> None:
        """Repeat teachers whose files turned out to be damaged when their student read them."""
        for teacher in teachers:
            if teacher in self.done and not self.experiment.run(teacher).is_done():
                self.done.remove(teacher)
                self.waiting[teacher] = 0.0

    def _block(self) -> None:
        for run_id in list(self.waiting):
            if not self.failed.isdisjoint(self.specs[run_id].teacher_ids):
                del self.waiting[run_id]
                self.blocked.add(run_id)


def blocked_by(
    experiment: Experiment, spec: RunSpec, read: Callable[[Experiment, str], RunFiles] = Experiment.run
) -> str | None:
    """Return why a student cannot be run: which teacher failed, and how; `read` finds the teacher's files."""
    for teacher in spec.teachers:
        folder = read(experiment, teacher.id)
        if folder.has_failed() and (error := folder.failure()) is not None:
            return f"{teacher.name} failed: {error['cause']}: {error['message']}"
    return None


def is_over(experiment: Experiment, spec: RunSpec, again: bool = False) -> bool:
    """Return whether a run has ended: it is done, failed or blocked; with `again`, only if it is done."""
    folder = experiment.run(spec.id)
    if again or folder.is_done():
        return folder.is_done()
    return folder.has_failed() or blocked_by(experiment, spec) is not None


def first_teachers(specs: Iterable[RunSpec]) -> list[RunSpec]:
    """Return the runs without a teacher first, otherwise in the given order."""
    return sorted(specs, key=lambda spec: spec.teacher is not None)
