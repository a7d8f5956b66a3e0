"""Runs that never ran, with predictions that the tests choose."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from cmkd_bench.files import write_json
from cmkd_bench.plan import Cell
from cmkd_bench.spec import RunSpec
from cmkd_bench.store import Experiment

SAMPLES = 120
LABELS = np.arange(SAMPLES) % 3
CONDITIONS = {"folds": 1, "fixture": False, "protocol": "fair", "train.select_on": "validation"}
ROLES = {"none": "baseline", "shuffled": "control"}
Shares = Mapping[str, float]  # by row, about how much it has right


def logits_of(share: float, seed: int, samples: int = SAMPLES) -> np.ndarray:
    """(samples, 3) logits that have about a share of LABELS right."""
    generator = np.random.default_rng([seed, round(1000 * share)])
    labels = LABELS[:samples]
    found = np.where(generator.random(samples) < share, labels, (labels + 1) % 3)
    return np.eye(3, dtype=np.float32)[found] * 2 + generator.random((samples, 3), dtype=np.float32)


def spec(
    method: str, dataset: str, seed: int, modality: str, teacher_modality: str | None, teacher: str | None
) -> RunSpec:
    return RunSpec(
        method=method,
        hyperparameters=(),
        dataset=dataset,
        options=(),
        manifest="m" * 64,
        fold=0,
        student_modality=modality,
        student_network="mlp",
        teacher_modality=teacher_modality,
        teacher_network="mlp" if teacher else None,
        teacher=teacher,
        pretrained="",
        teacher_pretrained="",
        preparation=(),
        augmentation=(),
        recipe=(("epochs", 15),),
        seed=seed,
    )


def write_run(experiment: Experiment, spec: RunSpec, share: float, labels: np.ndarray) -> None:
    """A run that is done."""
    folder = experiment.add(spec)
    logits = logits_of(share, spec.seed, len(labels))
    save_file({"logits": logits, "labels": labels}, folder.predictions)
    names = (
        "val_value",
        "selected_on",
        "fixture",
        "teacher_value",
        "teacher_value_after",
        "epochs",
        "extra_parameters",
    )
    value = 100.0 * float((logits.argmax(1) == labels).mean())
    result = {**dict.fromkeys(names), "metric": "accuracy", "value": value, "other_metrics": {}, "observed": {}}
    write_json(folder.cost, {"seconds": 1.5, "peak_mb": 600.0, "code": "0"})
    write_json(folder.result, result)


def write_experiment(
    root: Path, shares: Shares, seeds: int = 3, dataset: str = "toy", directions: int = 2, **changes: Any
) -> Experiment:
    """An experiment `made`: rows by share, each of so many seeds, on one dataset, audio to video and back."""
    experiment = Experiment(root, "made")
    cells = []
    for pair in [("audio", "video"), ("video", "audio")][:directions]:
        for seed in range(seeds):
            teacher = spec("none", dataset, seed, pair[0], None, None)
            write_run(experiment, teacher, shares["none"], LABELS)  # a row too, the other way round
            for row, share in shares.items():
                taught = (None, None) if row == "none" else (pair[0], teacher.id)
                run = spec(row, dataset, seed, pair[1], *taught)
                write_run(experiment, run, share, LABELS)
                cells.append(Cell(row, ROLES.get(row, "method"), dataset, 0, *pair, seed, run.id, teacher.id))
    plan = {
        "baseline": "none",
        "conditions": {dataset: CONDITIONS | changes},
        "remarks": {},
        "cells": list(map(dataclasses.asdict, cells)),
    }
    write_json(experiment.plan, plan)
    return experiment
