"""Folders of runs that never ran, for tests and benchmarks of their readers: tables, plots, the report."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from cmkd_bench.experiment.files import write_json
from cmkd_bench.experiment.label_budget import ALL, LabelBudget
from cmkd_bench.experiment.plan import Cell
from cmkd_bench.experiment.record import write_plan
from cmkd_bench.experiment.spec import RunSpec, Settings
from cmkd_bench.experiment.store import Experiment

CONDITIONS = {"folds": 1, "fixture": False, "protocol": "fair", "train.select_on": "validation"}
EPOCHS = 15
_UNKNOWN = (
    *("val_value", "selected_on", "fixture", "teacher_value", "teacher_value_after", "epochs"),
    *("train_labels", "selection_labels", "student_parameters"),
)


def made_spec(
    method: str,
    dataset: str,
    seed: int,
    modality: str,
    teacher_modality: str | None = None,
    teacher: str | None = None,
    hyperparameters: Settings = (),
    labels: LabelBudget = ALL,
) -> RunSpec:
    """Return the spec of a small network's run on one modality, with or without a teacher."""
    return RunSpec(
        method=method,
        hyperparameters=hyperparameters,
        dataset=dataset,
        options=(),
        manifest="m" * 64,
        fold=0,
        labels=labels,
        supervision=(),
        student_modality=modality,
        student_network="mlp",
        teacher_modality=teacher_modality,
        teacher_network="mlp" if teacher else None,
        teacher=teacher,
        pretrained="",
        teacher_pretrained="",
        preparation=(),
        augmentation=(),
        recipe=(("epochs", EPOCHS),),
        seed=seed,
        code=(),
    )


def write_made_run(
    experiment: Experiment, spec: RunSpec, logits: np.ndarray, labels: np.ndarray, with_history: bool = False
) -> None:
    """Write the folder of a finished run.

    Args:
        experiment: experiment that gets the run.
        spec: spec of the run.
        logits: (M, C), float32.
        labels: (M,), int64.
        with_history: whether each epoch has a validation score.
    """
    folder = experiment.add(spec)
    save_file({"logits": logits, "labels": labels}, folder.predictions)
    value = 100.0 * float((logits.argmax(1) == labels).mean())
    known: dict[str, Any] = {"metric": "accuracy", "value": value, "extra_parameters": None}
    if with_history:
        known |= {"val_value": value, "epochs": EPOCHS, "best_epoch": EPOCHS, "extra_parameters": 0}
        curve = [{"epoch": epoch, "selection": value * epoch / EPOCHS} for epoch in range(1, EPOCHS + 1)]
        write_json(folder.history, [one | {"phase": "train", "losses": {}, "logged": {}} for one in curve])
    folder.write_cost({"seconds": 1.5, "peak_mb": 600.0, "code": "0"})
    folder.write_result({**dict.fromkeys(_UNKNOWN), **known, "other_metrics": {}, "logged": {}})


def write_made_plan(experiment: Experiment, cells: Sequence[Cell], conditions: Mapping[str, Any] = CONDITIONS) -> None:
    """Write the plan of an experiment: cells, and the conditions that their datasets share."""
    plan = {
        "baseline": "none",
        "conditions": {cell.dataset: dict(conditions) for cell in cells},
        "notes": {},
        "cells": list(map(dataclasses.asdict, cells)),
    }
    write_plan(experiment, plan)
