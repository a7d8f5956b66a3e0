"""A frozen teacher gives the same outputs whether they are kept or computed per batch."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from cmkd_bench.config.augmentation import NO_AUGMENTATION
from cmkd_bench.network import InputShape, Network
from cmkd_bench.networks import build_network
from cmkd_bench.training.evaluation import accuracy, outputs_of
from cmkd_bench.training.teacher import FrozenTeacher, StoredTeacher, frozen_teacher
from cmkd_bench.training.tensors import Part, Resident
from cmkd_bench.training.views import View


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return build_network("cnn1d", InputShape("signal", (3, 40)), 5).train()


def signals(samples: int) -> Part:
    views = {"signal": View("signal", NO_AUGMENTATION)}
    return Part({"signal": Resident(torch.randn(samples, 3, 40))}, torch.zeros(samples, dtype=torch.int64), views)


def test_what_is_too_large_is_not_kept_and_changes_nothing(network: Network) -> None:
    part, index = signals(30), torch.tensor([4, 0, 29, 4])
    kept = frozen_teacher(network, part, "signal", (0, 2), limit_mb=10)
    computed = frozen_teacher(network, part, "signal", (0, 2), limit_mb=0.0001)
    assert isinstance(kept, StoredTeacher)
    assert isinstance(computed, FrozenTeacher)
    assert (kept.modality, computed.modality) == (None, "signal")
    one, other = kept.outputs(index, None), computed.outputs(index, part.look("signal", index))
    assert torch.allclose(one.logits, other.logits, atol=1e-6)
    assert torch.allclose(one.embedding, other.embedding, atol=1e-6)
    assert {layer: tuple(value.shape) for layer, value in one.feature_maps.items()} == {
        layer: tuple(value.shape) for layer, value in other.feature_maps.items()
    }
    assert not other.logits.requires_grad


@pytest.mark.parametrize(("teacher", "expected"), [(False, StoredTeacher), (True, FrozenTeacher)])
def test_a_teacher_is_run_once_only_where_its_inputs_do_not_change(teacher: bool, expected: type) -> None:
    torch.manual_seed(0)
    network = build_network("cnn2d", InputShape("spectrogram", (1, 8, 8)), 5)
    view = View("spectrogram", dataclasses.replace(NO_AUGMENTATION, time_masks=1, time_mask_columns=2, teacher=teacher))
    part = Part({"audio": Resident(torch.randn(6, 1, 8, 8))}, torch.zeros(6, dtype=torch.int64), {"audio": view})
    found = frozen_teacher(network, part, "audio", (), limit_mb=10)
    assert type(found) is expected
    assert found.is_augmented == teacher


def test_a_frozen_teacher_is_in_evaluation_mode_and_cannot_be_trained(network: Network) -> None:
    frozen_teacher(network, signals(8), "signal", (), limit_mb=10)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_looking_at_outputs_changes_neither_mode_nor_statistics(network: Network) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    outputs_of(network, signals(600), "signal")
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_accuracy_is_in_percent() -> None:
    logits = torch.tensor([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0], [5.0, 1.0]])
    assert accuracy(logits, torch.tensor([1, 0, 0, 0])) == 75.0
