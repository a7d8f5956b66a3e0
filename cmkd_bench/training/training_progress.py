"""The progress of a training run, and who watches it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

Checkpoint = dict[str, Any]
EpochRecord = dict[str, Any]


class Stopped(Exception):
    """Raised when the run was asked to stop; its checkpoint is written."""


class Watch(Protocol):
    """The interface that a loop reports to and queries after each epoch."""

    def epoch(self, done: int, total: int) -> None:
        """Report that an epoch ended."""

    def should_stop(self) -> bool:
        """Return whether to stop now."""

    def should_save(self) -> bool:
        """Return whether a checkpoint is due."""


@dataclass
class Progress:
    """The progress of a training run, apart from the modules' states."""

    phase: int = 0  # index of the current phase
    epoch: int = 0  # number of its finished epochs
    history: list[EpochRecord] = field(default_factory=list)  # one record per finished epoch, over all phases
    best_value: float = -1.0  # score of the selected epoch on the part that selects, in percent
    best_epoch: int = 0  # selected epoch, counted over all phases from 1; 0 is the initial state
    # state of what is deployed (and of the teachers, if they are trained) at that epoch
    best: Checkpoint = field(default_factory=dict)
    seconds: float = 0.0  # training time so far
