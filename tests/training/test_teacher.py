"""A frozen teacher gives the same outputs whether they are kept or computed per batch."""

from __future__ import annotations

import pytest
import torch

from cmkd_bench.networks import Network, build_network
from cmkd_bench.networks.base import InputShape
from cmkd_bench.training.evaluation import accuracy, outputs_of
from cmkd_bench.training.teacher import FrozenTeacher, StoredTeacher, frozen_teacher


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return build_network("cnn1d", InputShape("signal", (3, 40)), 5).train()


def test_what_is_too_large_is_not_kept_and_changes_nothing(network: Network) -> None:
    inputs = torch.randn(30, 3, 40)
    index = torch.tensor([4, 0, 29, 4])
    kept = frozen_teacher(network, inputs, (0, 2), limit_mb=10)
    computed = frozen_teacher(network, inputs, (0, 2), limit_mb=0.0001)
    assert isinstance(kept, StoredTeacher)
    assert isinstance(computed, FrozenTeacher)
    one, other = kept.outputs(index), computed.outputs(index)
    assert torch.allclose(one.logits, other.logits, atol=1e-6)
    assert torch.allclose(one.embedding, other.embedding, atol=1e-6)
    assert {stage: tuple(value.shape) for stage, value in one.feature_maps.items()} == {
        stage: tuple(value.shape) for stage, value in other.feature_maps.items()
    }
    assert not other.logits.requires_grad


def test_a_frozen_teacher_is_in_evaluation_mode_and_cannot_be_trained(network: Network) -> None:
    frozen_teacher(network, torch.randn(8, 3, 40), (), limit_mb=10)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_looking_at_outputs_changes_neither_mode_nor_statistics(network: Network) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    outputs_of(network, torch.randn(600, 3, 40))
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_accuracy_is_in_percent() -> None:
    logits = torch.tensor([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0], [5.0, 1.0]])
    assert accuracy(logits, torch.tensor([1, 0, 0, 0])) == 75.0
