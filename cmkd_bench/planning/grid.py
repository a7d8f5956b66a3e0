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
    """The part of a grid on one dataset."""

    dataset: Dataset[Any]  # dataset with its options, not loaded
    configuration: Configuration  # configuration composed for the dataset
    folds: tuple[int, ...]  # folds of its split
    labels: tuple[LabelBudget, ...]  # how many labels of the training part may be seen; each value is run
    directions: tuple[Direction, ...]  # pairs of a teacher modality and a student modality
    device: str  # `cpu` or `cuda`, where all its runs are made


@dataclass(frozen=True)
class GridRow:
    """A row of the tables: a method, or a variant of it."""

    method: str  # name in the registry
    given: Mapping[str, Any]  # the hyper-parameters that are set, with presets resolved
    variant: str = ""  # name of the row; empty for that of the method itself


@dataclass(frozen=True)
class Grid:
    """A fully resolved grid. Planning and launching read nothing else: no environment, no configuration."""

    experiment: Experiment  # destination of the results
    baseline: str  # the method for the student alone, which also trains the teachers
    rows: Mapping[str, GridRow]  # by name, in the order of the tables
    datasets: Mapping[str, DatasetGrid]  # by name, in the order of the tables
    seeds: tuple[int, ...]  # seeds of the runs
    trials: int | None  # number of trials to tune each method; None for no tuning
    command: str  # the command that repeats the request; empty for a Python program
    plugins: tuple[Path, ...]  # files that register methods, datasets or networks
    roots: Roots  # folders of the data and weights
    launcher: Mapping[str, Any]  # the launcher section of the configuration
    launcher_overrides: tuple[str, ...]  # the arguments from which this section was composed
