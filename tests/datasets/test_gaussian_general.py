"""Table 2's data equal an independent derivation with NumPy's global generator, as the released code uses it."""

from __future__ import annotations

import numpy as np
import pytest

from cmkd_bench.errors import UserError
from cmkd_bench.registry import datasets

KIND = datasets.get("gaussian_general")


@pytest.mark.parametrize(("gamma", "own", "shared"), [(0.25, 9, 3), (0.33, 10, 5), (0.66, 10, 20), (0.75, 10, 30)])
@pytest.mark.parametrize("fold", [0, 7])
def test_train_and_test_are_the_third_and_second_set_of_the_stream(
    gamma: float, own: int, shared: int, fold: int
) -> None:
    np.random.seed(42 + fold)  # noqa: NPY002 - the released code's generator
    sets = []
    for rows in (200, 1000, 200):
        decisive, x1, x2 = (
            np.random.standard_normal((rows, columns))  # noqa: NPY002
            for columns in (own + shared, 50, 50)
        )
        for column in range(own + shared):
            x1[:, column] = decisive[:, column]
        for column in range(shared):
            x2[:, column] = decisive[:, column]
        sets.append((x1.astype(np.float32), x2.astype(np.float32), (decisive @ np.ones(own + shared) > 0).astype(int)))
    data = KIND(KIND.Options(gamma=gamma)).load(fold)
    for part, (x1, x2, labels) in {"train": sets[2], "test": sets[1]}.items():
        rows = data.parts[part]
        np.testing.assert_array_equal(data.inputs["x1"][rows], x1)
        np.testing.assert_array_equal(data.inputs["x2"][rows], x2)
        np.testing.assert_array_equal(data.labels[rows], labels)


def test_the_general_view_is_what_both_modalities_see() -> None:
    data = KIND(KIND.Options(gamma=0.5, view="general")).load(0)
    np.testing.assert_array_equal(data.inputs["x1"], data.inputs["x2"][:, :10])


def test_a_row_that_the_table_has_not_is_refused() -> None:
    with pytest.raises(UserError, match=r"gamma=0.4: the table has no such row. Available: 0.25, 0.33, 0.50, 0.67"):
        KIND(KIND.Options(gamma=0.4))
