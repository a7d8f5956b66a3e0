"""The trials of a method from its search space in one direction, as stored in an experiment's plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cmkd_bench.experiment.label_budget import LabelBudget
from cmkd_bench.search import Value

Group = tuple[str, str, int, LabelBudget, str, str]

TUNED = " (tuned)"
"""Suffix of a method's row with the selected values."""


@dataclass(frozen=True)
class Trial:
    """One trial; its run is an ordinary run.

    Attributes:
        number: from 0; trial 0 has the defaults and what the user set.
        values: values of the searched hyper-parameters.
        run_id: id of its run; empty if the method is not defined with these values.
    """

    number: int
    values: Mapping[str, Value]
    run_id: str


@dataclass(frozen=True)
class Study:
    """The trials among which one is selected.

    Attributes:
        method: name of the method.
        dataset: its name.
        fold: index of the split.
        labels: how many labels of the training part may be seen.
        teacher_modality: modality of the teacher.
        student_modality: modality of the student.
        seed: seed of all trials.
        trials: by number; empty if the method is not defined.
        command: the command that continues when the trials have ended; empty for a Python program.
    """

    method: str
    dataset: str
    fold: int
    labels: LabelBudget
    teacher_modality: str
    student_modality: str
    seed: int
    trials: tuple[Trial, ...]
    command: str = ""

    @property
    def group(self) -> Group:
        """The group of cells, over all seeds, for which values are selected."""
        return (self.method, self.dataset, self.fold, self.labels, self.teacher_modality, self.student_modality)

    @property
    def run_ids(self) -> list[str]:
        """The ids of the trials' runs."""
        return [trial.run_id for trial in self.trials if trial.run_id]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Study:
        """Return the trials from the JSON form of `dataclasses.asdict`."""
        return cls(**{**values, "trials": tuple(Trial(**trial) for trial in values["trials"])})


def select(study: Study, validation: Mapping[str, float]) -> Trial | None:
    """Return the trial with the best validation score, the first of equal ones; None if no trial has a score.

    Args:
        trials: the trials.
        validation: score by run id, larger is better; failed trials are missing.
    """
    scored = [trial for trial in study.trials if trial.run_id in validation]
    return max(scored, key=lambda trial: (validation[trial.run_id], -trial.number), default=None)


def selections(count: int) -> str:
    """Return the number of selections in words."""
    return "1 selection" if count == 1 else f"{count} selections"
