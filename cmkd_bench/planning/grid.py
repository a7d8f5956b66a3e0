"""A grid in which every name, value and folder is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmkd_bench.config.compose import Configuration
from cmkd_bench.config.roots import Roots
from cmkd_bench.dataset import Dataset
from cmkd_bench.experiment.label_budget import LabelBudget
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.planning.directions import Direction


@dataclass(frozen=True)
class DatasetGrid:
    """The part of a grid on one dataset.

    Attributes:
        dataset: dataset with its options, not loaded.
        configuration: configuration composed for the dataset.
        folds: folds of its split.
        labels: how many labels of the training part may be seen; each value is run.
        directions: pairs of a teacher modality and a student modality.
    """

    dataset: Dataset[Any]
    configuration: Configuration
    folds: tuple[int, ...]
    labels: tuple[LabelBudget, ...]
    directions: tuple[Direction, ...]


@dataclass(frozen=True)
class Grid:
    """A fully resolved grid. Planning and launching read nothing else: no environment, no configuration.

    Attributes:
        experiment: destination of the results.
        baseline: the method for the student alone, which also trains the teachers.
        methods: by name, in the order of the rows: the hyper-parameters that are set, with presets resolved.
        datasets: by name, in the order of the tables.
        seeds: seeds of the runs.
        trials: number of trials to tune each method; None for no tuning.
        command: the command that repeats the request; empty for a Python program.
        plugins: files that register methods, datasets or networks.
        roots: folders of the data and weights.
        launcher: the launcher section of the configuration.
        launcher_overrides: the arguments from which this section was composed.
    """

    experiment: Experiment
    baseline: str
    methods: Mapping[str, Mapping[str, Any]]
    datasets: Mapping[str, DatasetGrid]
    seeds: tuple[int, ...]
    trials: int | None
    command: str
    plugins: tuple[Path, ...]
    roots: Roots
    launcher: Mapping[str, Any]
    launcher_overrides: tuple[str, ...]
