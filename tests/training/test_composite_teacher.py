"""Runs with teachers that see several modalities: what these are shown, and how runs end."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from cmkd_bench.config.roots import Roots
from cmkd_bench.deployment.trained import trained_student
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.testing._tiny_run import StopAfter
from cmkd_bench.training.execution import Run, execute
from cmkd_bench.training.training_progress import Stopped

Planned = Callable[..., tuple[Experiment, dict[str, str]]]
CPU = torch.device("cpu")
BOTH = ["pixels+fourier:fourier"]


def run_all(experiment: Experiment, run_ids: Any) -> None:
    for run_id in run_ids:
        execute(experiment, run_id, CPU, StopAfter(), Roots())
        assert experiment.run(run_id).is_done(), experiment.run(run_id).error.read_text()


def state(experiment: Experiment, run_id: str) -> dict[str, torch.Tensor]:
    folder = experiment.run(run_id)
    return load_file(folder.weights) | load_file(folder.predictions)


def test_a_stopped_run_goes_on_and_ends_alike(planned: Planned) -> None:
    given: dict[str, Any] = {"methods": ["kd", "c2kd", "crd", "fitnet", "crld"], "pairs": BOTH, "epochs": 4}
    ends_alike(planned, given)


def test_a_stopped_run_with_several_teachers_goes_on_and_ends_alike(planned: Planned) -> None:
    ends_alike(planned, {"methods": ["kd_ensemble", "mst_distill"], "epochs": 10})


def ends_alike(planned: Planned, given: dict[str, Any]) -> None:
    (whole, runs), (parted, _) = planned("whole", **given), planned("parted", **given)
    run_all(whole, runs)
    for run_id, method in runs.items():
        for epochs in (1, 3):
            with contextlib.suppress(Stopped):
                execute(parted, run_id, CPU, StopAfter(epochs), Roots())
                raise AssertionError(f"{method} was not stopped")
        run_all(parted, [run_id])
        here, there = state(whole, run_id), state(parted, run_id)
        assert not [name for name in here if not torch.equal(here[name], there[name])], method


def test_the_teacher_sees_both_modalities_of_the_same_sample(planned: Planned) -> None:
    experiment, runs = planned("seen", methods=["kd"], pairs=["pixels+fourier:zernike"], epochs=1)
    *_, last = runs
    run_all(experiment, [run_id for run_id in runs if run_id != last])
    training = Run(experiment, experiment.read_spec(last), CPU, Roots()).training(cache_mb=0.0)
    seen = next(iter(training.batches.epoch("train", 1)))
    assert isinstance(seen.teacher, dict)
    for modality in ("pixels", "fourier"):
        expected = training.train.evaluation_view(modality, seen.teacher_index)
        assert torch.equal(seen.teacher[modality], expected)
    assert isinstance(seen.student, torch.Tensor)
    assert torch.equal(seen.index, seen.teacher_index)


def test_stored_and_computed_outputs_of_a_composite_teacher_are_the_same(planned: Planned) -> None:
    experiment, runs = planned("stored", methods=["fitnet"], pairs=BOTH, epochs=1)
    *_, last = runs
    run_all(experiment, [run_id for run_id in runs if run_id != last])
    run = Run(experiment, experiment.read_spec(last), CPU, Roots())
    stored, computed = run.training().teacher, run.training(cache_mb=0.0).teacher
    assert stored is not None
    assert computed is not None
    assert (stored.modality, computed.modality) == (None, "pixels+fourier")
    index = torch.tensor([5, 0, 700])
    one = stored.outputs(index, None)
    other = computed.outputs(index, run.parts.train.evaluation_view("pixels+fourier", index))
    assert torch.allclose(one.logits, other.logits, atol=1e-6)
    assert one.feature_maps.keys() == other.feature_maps.keys() != set()


def test_the_views_of_a_modality_are_the_same_for_student_and_composite_teacher(planned: Planned) -> None:
    views = ["augment.crop_scale=0.5", "augment.teacher=true"]
    given: dict[str, Any] = {"datasets": ["openmoji"], "pairs": ["image+text:image"], "overrides": tuple(views)}
    experiment, runs = planned("views", methods=["kd"], epochs=1, **given)
    *_, last = runs
    run_all(experiment, [run_id for run_id in runs if run_id != last])
    training = Run(experiment, experiment.read_spec(last), CPU, Roots()).training()
    seen = next(iter(training.batches.epoch("train", 1)))
    assert isinstance(seen.teacher, dict)
    assert torch.equal(seen.teacher["image"], seen.student)
    assert not torch.equal(seen.student, training.train.evaluation_view("image", seen.index))
    assert seen.teacher["text"].dtype == torch.int64


def test_a_record_names_the_networks_and_the_teacher_cannot_be_loaded_for_use(planned: Planned) -> None:
    experiment, runs = planned("record", methods=["kd"], pairs=BOTH, epochs=1)
    run_all(experiment, runs)
    (teacher,) = [run_id for run_id in runs if "+" in experiment.read_spec(run_id).student_modality]
    spec = json.loads(experiment.run(teacher).spec.read_text())
    assert "concat(mlp+mlp)" in str(spec)
    with pytest.raises(UserError, match=rf"{teacher}.*pixels\+fourier"):
        trained_student(experiment, teacher, CPU, Roots())
    students = [run_id for run_id, method in runs.items() if method == "kd"]
    assert trained_student(experiment, students[0], CPU, Roots()).sample_shape == (76,)


def test_a_shuffled_teacher_sees_all_modalities_of_another_sample(planned: Planned) -> None:
    experiment, runs = planned("shuffled", methods=["kd_shuffled"], pairs=BOTH, epochs=1)
    *_, last = runs
    run_all(experiment, [run_id for run_id in runs if run_id != last])
    spec = experiment.read_spec(last)
    training = Run(experiment, dataclasses.replace(spec), CPU, Roots()).training(cache_mb=0.0)
    seen = next(iter(training.batches.epoch("train", 1)))
    assert not (seen.teacher_index == seen.index).any()
    assert isinstance(seen.teacher, dict)
    for modality, inputs in seen.teacher.items():
        assert torch.equal(inputs, training.train.evaluation_view(modality, seen.teacher_index))


def test_several_teachers_are_shown_the_same_samples_and_stored_where_they_can_be(planned: Planned) -> None:
    experiment, runs = planned("several", methods=["kd_ensemble"], pairs=["pixels:fourier"], epochs=1)
    *_, last = runs
    run_all(experiment, [run_id for run_id in runs if run_id != last])
    run = Run(experiment, experiment.read_spec(last), CPU, Roots())
    computed, stored = run.training(cache_mb=0.0), run.training()
    seen = next(iter(computed.batches.epoch("train", 1)))
    assert isinstance(seen.teacher, torch.Tensor)
    assert torch.equal(seen.teachers["composite"]["pixels"], seen.teacher)
    assert torch.equal(seen.teachers["composite"]["fourier"], seen.student)
    assert next(iter(stored.batches.epoch("train", 1))).teachers == {}
    (one, other) = (
        training.further_teachers["composite"].outputs(seen.teacher_index, seen.teachers["composite"])
        for training in (computed, stored)
    )
    assert torch.allclose(one.logits, other.logits, atol=1e-6)
    assert experiment.read_spec(last).teacher_ids[1] in runs


def test_a_run_says_which_of_its_teachers_is_missing(planned: Planned) -> None:
    experiment, runs = planned("missing", methods=["kd_ensemble"], epochs=1)
    *_, last = runs
    first, second = experiment.read_spec(last).teacher_ids
    run_all(experiment, [first])
    execute(experiment, last, CPU, StopAfter(), Roots())
    failure = json.loads(experiment.run(last).error.read_text())
    assert failure["cause"] == "teacher missing"
    assert second in failure["message"]
