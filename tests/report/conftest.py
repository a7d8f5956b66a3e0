"""An experiment's folder whose runs never ran: one dataset, two directions, rows that the tests choose."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from made_runs import LABELS, spec, write_run

from cmkd_bench.files import write_json
from cmkd_bench.plan import Cell
from cmkd_bench.store import Experiment

CONDITIONS = {"folds": 1, "fixture": False, "protocol": "fair", "train.select_on": "validation"}
ROLES = {"none": "baseline", "shuffled": "control"}
Shares = Mapping[str, float]  # by row, about how much it has right


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Experiment]:
    """Write an experiment: rows by share, each of so many seeds, on dataset `toy`, audio to video and back."""

    def write(shares: Shares, seeds: int = 3, dataset: str = "toy", directions: int = 2, **changes: Any) -> Experiment:
        experiment = Experiment(tmp_path / "results", "made")
        cells = []
        for pair in [("audio", "video"), ("video", "audio")][:directions]:
            for seed in range(seeds):
                teacher = spec("none", dataset, seed, pair[0], None, None)
                write_run(experiment, teacher, shares["none"], LABELS)  # a row too, the other way round
                for row, share in shares.items():
                    taught = (None, None) if row == "none" else (pair[0], teacher.id)
                    run = spec(row, dataset, seed, pair[1], *taught)
                    write_run(experiment, run, share, LABELS)
                    role = ROLES.get(row, "method")
                    cells.append(Cell(row, role, dataset, 0, *pair, seed, run.id, teacher.id))
        conditions = {dataset: CONDITIONS | changes}
        plan = {
            "baseline": "none",
            "conditions": conditions,
            "remarks": {},
            "cells": list(map(dataclasses.asdict, cells)),
        }
        write_json(experiment.plan, plan)
        return experiment

    return write
