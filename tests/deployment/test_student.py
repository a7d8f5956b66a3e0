"""Students for use: raw samples give the predictions that the run saved, and what is no sample is refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import cmkd_bench
from cmkd_bench.data.media.clips import AudioClip
from cmkd_bench.deployment.student import Student

FOURIER = {"method": "kd", "dataset": "mfeat", "student_modality": "fourier"}
OF_A_KIND = [
    FOURIER,
    {**FOURIER, "method": "simkd"},
    {"method": "teacher", "dataset": "mfeat", "teacher_modality": "pixels"},
    {"method": "kd", "dataset": "watch", "student_modality": "gyroscope"},
    {"method": "kd", "dataset": "openmoji", "student_modality": "image"},
    {"method": "kd", "dataset": "openmoji", "student_modality": "text"},
]


def load(folder: Path, **filters: Any) -> Student:
    return cmkd_bench.load_student("fair", folder / "results", **filters)


def raw_test_part(student: Student) -> tuple[np.ndarray, np.ndarray]:
    """The raw samples of the test part in the student's modality, and their labels."""
    data = student.load_data()
    rows = data.parts["test"]
    return data.inputs[student.spec.student_modality][rows], data.labels[rows]


@pytest.mark.parametrize("filters", OF_A_KIND, ids=lambda one: "-".join(one.values()))
def test_raw_samples_give_the_saved_predictions_and_the_accuracy_of_the_table(
    folder: Path, filters: dict[str, Any]
) -> None:
    student = load(folder, **filters)
    samples, labels = raw_test_part(student)
    saved = load_file(folder / f"results/fair/runs/{student.spec.id}/predictions.safetensors")
    assert torch.equal(student(samples), saved["logits"])
    named = student.predict(samples)
    (row,) = cmkd_bench.load_results("fair", folder / "results", **filters).itertuples()
    assert row.value == pytest.approx(100 * np.mean([name == student.classes[y] for name, y in zip(named, labels)]))
    one = samples[3] if student.tokenizer is None else str(samples[3])
    assert student(one).shape == (len(student.classes),)
    assert student(one).numpy() == pytest.approx(saved["logits"][3].numpy(), abs=1e-4)
    assert student.predict(one) == named[3]


def test_samples_may_be_tensors_and_lists(folder: Path) -> None:
    student = load(folder, **FOURIER)
    samples, _ = raw_test_part(student)
    expected = student(samples[:2])
    assert torch.equal(student(torch.from_numpy(samples[:2])), expected)
    assert torch.equal(student(samples[:2].tolist()), expected)
    assert not student.module.training
    assert not expected.requires_grad


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros(75), ["'fourier'", "(76,)", "(B, 76)", "(75,)"]),
        (np.zeros((2, 3, 76)), ["(B, 76)", "(2, 3, 76)"]),
        (np.full(76, np.nan), ["NaN"]),
        (np.full(76, 1e300), ["float32"]),
        ("a digit", ["numbers", "str"]),
    ],
)
def test_what_is_no_sample_is_refused(folder: Path, samples: Any, words: list[str]) -> None:
    with pytest.raises(cmkd_bench.UserError) as caught:
        load(folder, **FOURIER)(samples)
    assert all(word in str(caught.value) for word in words)


def test_a_text_is_a_string(folder: Path) -> None:
    student = load(folder, method="kd", dataset="openmoji", student_modality="text")
    assert student.predict("red heart") in student.classes
    assert len(student.predict(["red heart", "an unheard word"])) == 2
    with pytest.raises(cmkd_bench.UserError, match="string"):
        student(np.zeros(3))


def test_a_dataset_without_files_decodes_none(folder: Path) -> None:
    with pytest.raises(cmkd_bench.UserError, match=r"'mfeat'.*load_data"):
        load(folder, **FOURIER).decode(AudioClip("voice.wav"))


def test_a_run_that_is_not_done_has_no_student(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    run = load(tmp_path, **FOURIER).spec.id
    (tmp_path / f"results/fair/runs/{run}/result.json").unlink()
    with pytest.raises(cmkd_bench.UserError, match=rf"{run}.*pending.*cmkd-bench status fair --results"):
        load(tmp_path, **FOURIER)


def test_other_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    run = load(tmp_path, **FOURIER).spec.id
    other = load(tmp_path, **{**FOURIER, "method": "none"}).spec.id
    runs = tmp_path / "results/fair/runs"
    shutil.copy(runs / other / "student.safetensors", runs / run / "student.safetensors")
    with pytest.raises(cmkd_bench.UserError, match=r"student.safetensors was changed"):
        load(tmp_path, **FOURIER)


def test_an_unknown_device_is_refused(folder: Path) -> None:
    with pytest.raises(cmkd_bench.UserError, match="Available: cpu, cuda"):
        load(folder, **FOURIER, device="gpu")


def test_the_name_is_there_without_torch_and_pandas() -> None:
    code = "import sys, cmkd_bench; cmkd_bench.load_student; print({'torch', 'pandas'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
