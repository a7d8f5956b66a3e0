"""The synthetic pairs equal an independent derivation with NumPy's global generator, as the official code uses it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cmkd_bench.data.loading import prepare
from cmkd_bench.errors import UserError
from cmkd_bench.registry import datasets

KIND = datasets.get("gaussian")


def derive(fold: int, vary: str, steps: int, part: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x1, x2, y of one part, column by column."""
    np.random.seed(fold)  # noqa: NPY002 - the official code's generator
    plane = np.array([np.random.standard_normal() for _ in range(500)])  # noqa: NPY002
    if part != "train":
        np.random.seed(fold + 1 if part == "test" else 1_000_000 + fold)  # noqa: NPY002
    rows = 1000 if part == "test" else 200
    width, width1 = (20, 25) if vary == "gamma" else (50, 50)
    decisive, x2, x1 = (np.random.standard_normal((rows, columns)) for columns in (width, 50, width1))  # noqa: NPY002
    for column in range(10):
        x2[:, column] = decisive[:, column]
    for column in range(10 - steps, 20 - steps) if vary == "gamma" else range(steps + 10):
        x1[:, column] = decisive[:, column]
    score = sum(decisive[:, column] * plane[column] for column in range(width))
    return x1.astype(np.float32), x2.astype(np.float32), (score > 0).astype(int)


@pytest.mark.parametrize("fold", [0, 9])
@pytest.mark.parametrize(
    ("vary", "share", "steps"),
    [
        *(
            ("gamma", share, steps)
            for share, steps in [(0.0, 0), (0.11, 2), (0.25, 4), (0.43, 6), (0.67, 8), (1.0, 10)]
        ),
        *(("alpha", share, steps) for share, steps in [(0.0, 0), (0.5, 10), (0.67, 20), (0.75, 30), (0.8, 40)]),
    ],
)
def test_every_part_equals_the_derivation(fold: int, vary: str, share: float, steps: int) -> None:
    data = prepare(KIND(KIND.Options(**{vary: share})), fold)
    for part, rows in data.parts.items():
        x1, x2, labels = derive(fold, vary, steps, part)
        np.testing.assert_array_equal(data.inputs["x1"][rows], x1)
        np.testing.assert_array_equal(data.inputs["x2"][rows], x2)
        np.testing.assert_array_equal(data.labels[rows], labels)


@pytest.mark.parametrize(("share", "shared"), [(0.0, 0), (0.25, 4), (1.0, 10)])
def test_gamma_is_the_part_of_the_decisive_features_in_common(share: float, shared: int) -> None:
    inputs = KIND(KIND.Options(gamma=share)).load(0).inputs
    in_common = (inputs["x1"].T[:, None] == inputs["x2"].T[None]).all(2).sum()
    assert in_common == shared
    assert shared / (20 - shared) == share


def test_a_share_that_the_paper_has_not_is_refused_with_those_it_has() -> None:
    with pytest.raises(UserError, match=r"gamma=0.5: the paper has no such value. Available: 0, 0.111, 0.25, 0.429"):
        KIND(KIND.Options(gamma=0.5))
    with pytest.raises(UserError, match=r"alpha=1.0: the paper has no such value. Available: 0, 0.5, 0.667, 0.75, 0.8"):
        KIND(KIND.Options(alpha=1.0))
    with pytest.raises(UserError, match="set only one of them"):
        KIND(KIND.Options(gamma=1.0, alpha=0.0))


def test_without_an_option_all_decisive_features_are_shared() -> None:
    default, explicit = (KIND(options).load(0).inputs for options in (KIND.Options(), KIND.Options(gamma=1.0)))
    assert (default["x1"] == explicit["x1"]).all()


def test_the_teacher_improves_with_alpha_and_the_student_does_not(linear_accuracy: Any) -> None:
    teacher, student = {}, {}
    for share in (0.0, 0.8):
        draws = [prepare(KIND(KIND.Options(alpha=share)), fold) for fold in range(10)]
        teacher[share] = np.mean([linear_accuracy(data, data.inputs["x1"]) for data in draws])
        student[share] = np.mean([linear_accuracy(data, data.inputs["x2"]) for data in draws])
    assert teacher[0.0] == pytest.approx(58.5, abs=3)
    assert teacher[0.8] == pytest.approx(90.5, abs=4)
    assert student[0.0] == student[0.8] == pytest.approx(57.9, abs=3)
