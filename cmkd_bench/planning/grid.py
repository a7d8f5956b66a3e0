"""A grid in which every name, value and folder is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmkd_bench.config.compose import Configuration
from cmkd_bench.config.roots import Roots
from cmkd_bench.dataset import Dataset
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.planning.directions import Direction


@dataclass(frozen=True)
class DatasetGrid:
    """What a grid runs on one dataset.

    Attributes:
        dataset: with its options, not loaded.
        configuration: composed for it.
        folds: of its split.
        directions: teacher modality and student modality.
    """

    dataset: Dataset[Any]
    configuration: Configuration
    folds: tuple[int, ...]
    directions: tuple[Direction, ...]


@dataclass(frozen=True)
class Grid:
    """A grid in which all is known. Planning and launching read nothing else: no environment, no configuration.

    Attributes:
        experiment: where its results go.
        baseline: the method that is the student alone, and trains the teachers.
        methods: by name, in the order of the rows: the hyper-parameters that are set, presets resolved.
        datasets: by name, in the order of the tables.
        seeds: of the runs.
        trials: how many trials each method gets to be tuned; None for no tuning.
        command: that asks for the same again; empty for a Python program.
        plugins: files that register methods, datasets or networks.
        roots: where data and weights lie.
        launcher: the section of the configuration.
        launcher_overrides: the arguments that it was composed of.
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
