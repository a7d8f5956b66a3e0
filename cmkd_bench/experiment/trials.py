"""The draws of a method from its search space in one direction, as an experiment's plan keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cmkd_bench.search import Value

Group = tuple[str, str, int, str, str]

TUNED = " (tuned)"
"""What a method's row is called by that has the selected values, behind its name."""


@dataclass(frozen=True)
class Draw:
    """One draw; its run is an ordinary one.

    Attributes:
        number: from 0, the defaults with what the user set.
        values: of the hyper-parameters that are searched.
        run_id: of its run; empty where the method is not defined with these values.
    """

    number: int
    values: Mapping[str, Value]
    run_id: str


@dataclass(frozen=True)
class Trials:
    """The draws among which one is selected.

    Attributes:
        method: whose.
        dataset: its name.
        fold: of its split.
        teacher_modality: what the teacher sees.
        student_modality: what the student sees.
        seed: of all draws' runs.
        draws: by number; empty where the method is not defined.
        command: that goes on when the draws have ended; empty if a Python program made them.
    """

    method: str
    dataset: str
    fold: int
    teacher_modality: str
    student_modality: str
    seed: int
    draws: tuple[Draw, ...]
    command: str = ""

    @property
    def group(self) -> Group:
        """The cells, of all seeds, that the selected values are for."""
        return (self.method, self.dataset, self.fold, self.teacher_modality, self.student_modality)

    @property
    def run_ids(self) -> list[str]:
        """The runs of its draws."""
        return [draw.run_id for draw in self.draws if draw.run_id]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Trials:
        """What `dataclasses.asdict` made, after a way through JSON."""
        return cls(**{**values, "draws": tuple(Draw(**draw) for draw in values["draws"])})


def select(trials: Trials, validation: Mapping[str, float]) -> Draw | None:
    """The draw with the best validation score, of equal ones the first; None where no draw has a score.

    Args:
        trials: the draws.
        validation: by run id, larger is better; a draw that failed is not in it.
    """
    scored = [draw for draw in trials.draws if draw.run_id in validation]
    return max(scored, key=lambda draw: (validation[draw.run_id], -draw.number), default=None)


def selections(count: int) -> str:
    """How many groups of draws there are, in words."""
    return "1 selection" if count == 1 else f"{count} selections"
