"""Make a student for use of a finished run."""

from __future__ import annotations

import torch
from torch import nn

from cmkd_bench.composite import is_composite
from cmkd_bench.config.roots import Roots
from cmkd_bench.deployment.preprocessing import Preprocessing, RawToLogits
from cmkd_bench.deployment.saved_run import check_reproduced, open_run, read_predictions
from cmkd_bench.deployment.student import Student
from cmkd_bench.errors import UserError, place_of
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.training.assembly import Assembly, data_of
from cmkd_bench.training.evaluation import evaluate

CHECKED = 64  # test samples whose saved predictions must be reproduced


def trained_student(experiment: Experiment, run_id: str, device: torch.device, roots: Roots) -> Student:
    """Return what a finished run deploys, after checking that it reproduces some of the saved predictions.

    Raises:
        UserError: if the run is not done, files or data are missing, damaged or changed, or it does not reproduce them.
    """
    if (state := experiment.run(run_id).state()) != "done":
        raise UserError(
            f"run {run_id} of '{experiment.name}' is {state}, so it has no student to load. See: cmkd-bench status "
            f"{experiment.name}{place_of(experiment.root)}"
        )
    if is_composite(modality := experiment.read_spec(run_id).student_modality):
        raise UserError(
            f"run {run_id} is a teacher of several modalities ({modality}), and a student for use sees one. Choose "
            "another run of the experiment; load_runs() in Python lists them."
        )
    parts, network = open_run(experiment, run_id, device, roots)
    _check(experiment, parts, network)
    spec, data = parts.spec, parts.data
    preprocessing = Preprocessing(parts.part("test").views[modality], data.scaling.get(modality))
    return Student(
        spec=spec,
        classes=data.classes,
        module=RawToLogits(preprocessing, network).to(device).eval(),
        dataset=data_of(spec, roots.weights).open_dataset(roots),
        sample_shape=data.inputs[modality].shape[1:],
        tokenizer=data.vocabularies.get(modality),
        device=device,
    )


def _check(experiment: Experiment, parts: Assembly, network: nn.Module) -> None:
    spec, test = parts.spec, parts.part("test")
    saved = read_predictions(experiment.run(spec.id))
    some = test.only(torch.arange(min(CHECKED, len(test))))
    again = evaluate(network, some, spec.student_modality, parts.classes).predictions
    name = "logits" if "logits" in again else "confusion"
    check_reproduced(spec.id, saved[name][: len(some)], again[name])
