"""Runs that never ran, with predictions that the tests choose."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cmkd_bench.experiment.plan import Cell
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.testing.made import CONDITIONS, write_made_plan, write_made_run
from cmkd_bench.testing.made import made_spec as spec

SAMPLES = 120
LABELS = np.arange(SAMPLES) % 3
ROLES = {"none": "baseline", "shuffled": "control"}
Shares = Mapping[str, float]  # by row, about how much it has right


def logits_of(share: float, seed: int, samples: int = SAMPLES) -> np.ndarray:
    """(samples, 3) logits that have about a share of LABELS right."""
    generator = np.random.default_rng([seed, round(1000 * share)])
    labels = LABELS[:samples]
    found = np.where(generator.random(samples) < share, labels, (labels + 1) % 3)
    return np.eye(3, dtype=np.float32)[found] * 2 + generator.random((samples, 3), dtype=np.float32)


def write_run(experiment: Experiment, run: RunSpec, share: float, labels: np.ndarray) -> None:
    """A run that is done."""
    write_made_run(experiment, run, logits_of(share, run.seed, len(labels)), labels)


def write_experiment(
    root: Path, shares: Shares, seeds: int = 3, dataset: str = "toy", directions: int = 2, **changes: Any
) -> Experiment:
    """An experiment `made`: rows by share, each of so many seeds, on one dataset, audio to video and back."""
    experiment = Experiment(root, "made")
    cells = []
    for pair in [("audio", "video"), ("video", "audio")][:directions]:
        for seed in range(seeds):
            teacher = spec("none", dataset, seed, pair[0])
            write_run(experiment, teacher, shares["none"], LABELS)  # a row too, the other way round
            for row, share in shares.items():
                taught = (None, None) if row == "none" else (pair[0], teacher.id)
                run = spec(row, dataset, seed, pair[1], *taught)
                write_run(experiment, run, share, LABELS)
                cells.append(Cell(row, ROLES.get(row, "method"), dataset, 0, 1.0, *pair, seed, run.id, teacher.id))
    write_made_plan(experiment, cells, CONDITIONS | changes)
    return experiment
