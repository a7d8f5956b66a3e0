"""Runs that never ran, with predictions that the tests choose."""

from __future__ import annotations

import numpy as np
from safetensors.numpy import save_file

from cmkd_bench.files import write_json
from cmkd_bench.spec import RunSpec
from cmkd_bench.store import Experiment

SAMPLES = 120
LABELS = np.arange(SAMPLES) % 3


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
