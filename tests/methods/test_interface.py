from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from cmkd_bench.method import Batch, Method, Phase
from cmkd_bench.methods.kd import KD, KDParameters
from cmkd_bench.methods.kd_shuffled import ShuffledKD
from cmkd_bench.parameters import NoParameters
from cmkd_bench.testing._tiny import paired_part, tiny_network
from cmkd_bench.training.loop import phase_epochs
from cmkd_bench.training.teacher import FrozenTeacher, StoredTeacher, frozen_teacher


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
def test_phases_share_all_the_epochs(shares, epochs, expected):
    phases = tuple(Phase(str(number), dict, share) for number, share in enumerate(shares))
    assert phase_epochs(phases, epochs) == expected


def test_shares_that_do_not_add_up_are_refused():
    with pytest.raises(ValueError, match=r"0\.9"):
        phase_epochs((Phase("train", dict, 0.9),), 10)


def test_a_method_gets_the_same_outputs_of_a_teacher_that_was_run_once():
    network, part = tiny_network("signal", 3, 0, linear=False), paired_part(16, 3, "train")
    # 16 samples with 3 logits, an embedding of 6 and a map of 5 x 3, in float32
    size_mb = 16 * (3 + 6 + 15) * 4 / 1e6
    stored = frozen_teacher(network, part, "signal", (1,), size_mb)
    computed = frozen_teacher(network, part, "signal", (1,), 0.99 * size_mb)
    assert (type(stored), type(computed)) == (StoredTeacher, FrozenTeacher)
    index = torch.tensor([9, 2, 2, 15])
    kept, run = stored.outputs(index, None), computed.outputs(index, part.evaluation_view("signal", index))
    for name in ("logits", "embedding"):
        torch.testing.assert_close(getattr(kept, name), getattr(run, name))
    torch.testing.assert_close(kept.feature_maps[1], run.feature_maps[1])
    assert not kept.logits.requires_grad
    assert not run.logits.requires_grad
