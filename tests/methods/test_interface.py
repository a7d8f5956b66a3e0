from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from cmkd_bench.method import Batch, Method, Stage
from cmkd_bench.methods.kd import KD, KDParameters
from cmkd_bench.methods.kd_shuffled import ShuffledKD
from cmkd_bench.parameters import NoParameters
from cmkd_bench.training.loop import stage_epochs


@dataclass(frozen=True)
class WarmerParameters(KDParameters):
    temperature: float = 10.0


def test_the_type_argument_names_the_hyperparameters():
    class Warmer(Method[WarmerParameters]):
        def forward(self, student, teacher, batch):
            return {}

    class Bare(Method):
        def forward(self, student, teacher, batch):
            return {}

    assert Warmer.HyperParameters is WarmerParameters
    assert Bare.HyperParameters is NoParameters
    assert ShuffledKD.HyperParameters is KDParameters


def test_a_subclass_of_a_method_may_set_its_own_hyperparameters():
    class WarmerKD(KD):
        HyperParameters = WarmerParameters

    assert WarmerKD.HyperParameters is WarmerParameters
    assert KD.HyperParameters is KDParameters


def test_a_label_free_batch_refuses_its_labels():
    batch = Batch(torch.arange(2), 1, 1, None)
    with pytest.raises(RuntimeError, match="label-free"):
        _ = batch.labels


@pytest.mark.parametrize(
    ("shares", "epochs", "expected"),
    [((1.0,), 7, [7]), ((0.3, 0.7), 20, [6, 14]), ((0.7, 0.3), 1, [1, 0]), ((1 / 3, 1 / 3, 1 / 3), 10, [3, 4, 3])],
)
def test_stages_share_all_the_epochs(shares, epochs, expected):
    stages = tuple(Stage(str(number), dict, share) for number, share in enumerate(shares))
    assert stage_epochs(stages, epochs) == expected


def test_shares_that_do_not_add_up_are_refused():
    with pytest.raises(ValueError, match=r"0\.9"):
        stage_epochs((Stage("train", dict, 0.9),), 10)
