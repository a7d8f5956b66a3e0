"""What the tests of all embedded datasets share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cmkd_bench.data.loading import PreparedData


@pytest.fixture
def linear_accuracy() -> Callable[[PreparedData, np.ndarray], float]:
    """Test accuracy in percent of ridge regression onto the classes; for texts give a bag of tokens."""

    def accuracy(data: PreparedData, inputs: np.ndarray, penalty: float = 10.0) -> float:
        features = np.column_stack([inputs.reshape(len(inputs), -1), np.ones(len(inputs))]).astype(np.float64)
        train, test = data.parts["train"], data.parts["test"]
        targets = np.eye(len(data.classes))[data.labels]
        gram = features[train].T @ features[train] + penalty * np.eye(features.shape[1])
        weights = np.linalg.solve(gram, features[train].T @ targets[train])
        return float(100 * ((features[test] @ weights).argmax(1) == data.labels[test]).mean())

    return accuracy
