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
    """One trial; its run is an ordinary run."""

    number: int  # from 0; trial 0 has the defaults and what the user set
    values: Mapping[str, Value]  # values of the searched hyper-parameters
    run_id: str  # id of its run; empty if the method is not defined with these values


@dataclass(frozen=True)
class Study:
    """The trials among which one is selected."""

    method: str  # name of the method
    dataset: str  # its name
    fold: int  # index of the split
    labels: LabelBudget  # how many labels of the training part may be seen
    teacher_modality: str  # modality of the teacher
    student_modality: str  # modality of the student
    seed: int  # seed of all trials
    trials: tuple[Trial, ...]  # by number; empty if the method is not defined
    command: str = ""  # the command that continues when the trials have ended; empty for a Python program
    variant: str = ""  # name of the row of a variant of the method; empty for the method itself

    @property
    def name(self) -> str:
        """The name of the row that is tuned."""
        return self.variant or self.method

    @property
    def group(self) -> Group:
        """The group of cells, over all seeds, for which values are selected."""
        return (self.name, self.dataset, self.fold, self.labels, self.teacher_modality, self.student_modality)

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
