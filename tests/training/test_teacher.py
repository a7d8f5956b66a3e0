"""A frozen teacher gives the same outputs whether they are kept or computed per batch."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from devices import DEVICES

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


def signals(samples: int, device: str = "cpu") -> Part:
    views = {"signal": View("signal", NO_AUGMENTATION)}
    values = Resident(torch.randn(samples, 3, 40).to(device))
    return Part({"signal": values}, torch.zeros(samples, dtype=torch.int64, device=device), views)


@pytest.mark.parametrize("device", DEVICES)
def test_what_is_too_large_is_not_kept_and_changes_nothing(network: Network, device: str) -> None:
    network.to(device)
    part, index = signals(30, device), torch.tensor([4, 0, 29, 4])
    kept = frozen_teacher(network, part, "signal", (0, 2), limit_mb=10)
    computed = frozen_teacher(network, part, "signal", (0, 2), limit_mb=0.0001)
    assert isinstance(kept, StoredTeacher)
    assert isinstance(computed, FrozenTeacher)
    assert (kept.modality, computed.modality) == (None, "signal")
    one = kept.outputs(index.to(device), None)
    other = computed.outputs(index.to(device), part.evaluation_view("signal", index))
    near = 1e-6 if device == "cpu" else 2e-3  # a GPU's convolutions are in TF32, by another algorithm for another batch
    assert one.logits.device.type == device
    assert torch.allclose(one.logits, other.logits, atol=near)
    assert torch.allclose(one.embedding, other.embedding, atol=near)
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
