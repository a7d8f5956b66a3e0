"""The exercises: windows within one recording, whole subjects held out, each subject tested once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cmkd_bench.data.loading import prepare
from cmkd_bench.parameters import NoParameters
from cmkd_bench.registry import datasets

KIND = datasets.get("watch")
FOLDS = [KIND(NoParameters()).load(fold) for fold in range(KIND.folds)]


def test_there_are_4677_windows_of_two_seconds() -> None:
    assert {name: array.shape for name, array in FOLDS[0].inputs.items()} == {
        "accelerometer": (4677, 3, 100),
        "gyroscope": (4677, 3, 100),
    }
    assert np.bincount(FOLDS[0].labels).tolist() == [502, 770, 780, 718, 723, 583, 601]


def test_neighbours_of_a_recording_overlap_by_half_and_recordings_do_not() -> None:
    recording = np.array([name.rsplit("-", 1)[0] for name in FOLDS[0].sample_ids])
    windows = FOLDS[0].inputs["gyroscope"]
    overlap = (windows[:-1, :, 50:] == windows[1:, :, :50]).all((1, 2))
    assert len(set(recording)) == 140
    assert np.array_equal(overlap, recording[:-1] == recording[1:])


def test_sample_ids_name_the_subject_and_the_exercise() -> None:
    for name, subject, label in zip(FOLDS[0].sample_ids, FOLDS[0].groups, FOLDS[0].labels, strict=True):
        assert name.startswith(f"s{subject:02d}-")
        assert name.split("-")[2] == KIND.classes[label]


def test_every_subject_is_tested_once_and_none_is_shared() -> None:
    tested = []
    for data in FOLDS:
        subjects = {part: set(data.groups[rows].tolist()) for part, rows in data.parts.items()}
        assert [len(subjects[part]) for part in ("train", "validation", "test")] == [7, 1, 2]
        assert len(set.union(*subjects.values())) == 10
        tested.append(subjects)
    assert [sorted(subjects["test"]) for subjects in tested] == [[3, 9], [5, 10], [2, 7], [4, 8], [1, 6]]
    assert [subjects["validation"] for subjects in tested] == [{5}, {2}, {8}, {1}, {3}]


@pytest.mark.parametrize(("name", "low", "high"), [("accelerometer", 70, 90), ("gyroscope", 60, 82)])
def test_statistics_of_the_windows_score_as_measured(name: str, low: float, high: float, linear_accuracy: Any) -> None:
    scores = []
    for fold in range(KIND.folds):
        data = prepare(KIND(NoParameters()), fold, [name])
        windows = data.inputs[name]
        spectrum = np.log(np.abs(np.fft.rfft(windows))[..., 1:9] + 1e-3).reshape(len(windows), -1)
        quantiles = np.concatenate(np.quantile(windows, [0, 0.25, 0.5, 0.75, 1], axis=2), axis=1)
        change = np.abs(np.diff(windows)).mean(2)
        scores.append(
            linear_accuracy(data, np.column_stack([windows.mean(2), windows.std(2), quantiles, change, spectrum]))
        )
    assert low < np.mean(scores) < high
