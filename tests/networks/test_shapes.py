"""Shapes are known without weights: on torch's meta device, and on the CPU where a network cannot run there."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cmkd_bench.errors import CannotTake
from cmkd_bench.network import Features, InputShape, Network, shape_of
from cmkd_bench.networks import build_network, network_shape
from cmkd_bench.registry import networks, register_network

SIGNAL = InputShape("signal", (3, 20))
IMAGE = InputShape("image", (3, 64, 80))
TEXT = InputShape("text", (6,), vocabulary=30)
CASES = [
    ("linear", SIGNAL),
    ("mlp", SIGNAL),
    ("cnn1d", SIGNAL),
    ("cnn2d", IMAGE),
    ("transformer", TEXT),
    ("timm/resnet10t", IMAGE),
    ("timm/test_vit", InputShape("video", (2, 3, 32, 32))),
    ("timm/resnet10t", InputShape("image", (3, 64, 80), dense=True)),
    ("transformers/prajjwal1/bert-tiny", TEXT),
]
LARGE = [
    ("transformers/distilbert-base-uncased", TEXT),
    ("transformers/roberta-base", TEXT),
    ("transformers/MIT/ast-finetuned-audioset-10-10-0.4593", InputShape("spectrogram", (1, 32, 48))),
]


def test_every_built_in_network_is_among_the_cases():
    assert set(networks.names()) <= {name for name, _ in CASES}


@pytest.mark.parametrize(("name", "inputs"), CASES)
def test_shapes_without_weights_are_those_of_the_network(name, inputs):
    assert network_shape(name, inputs, 4) == shape_of(build_network(name, inputs, 4), inputs)


@pytest.mark.parametrize(("name", "inputs"), CASES + LARGE)
def test_no_weights_are_made(name, inputs, monkeypatch):
    devices = []
    monkeypatch.setattr(Network, "train", lambda self, mode=True: devices.append(self.head.weight.device.type) or self)
    network_shape(name, inputs, 4)
    assert set(devices) == {"meta"}


def test_random_numbers_are_left_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    for name in ("mlp", "transformers/prajjwal1/bert-tiny"):
        network_shape(name, dict(CASES)[name], 4)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_network_that_cannot_run_on_the_meta_device_runs_on_the_cpu(monkeypatch):
    monkeypatch.setattr(networks, "_registered", {})

    @register_network("choosy")
    class Choosy(Network):
        def __init__(self, inputs, classes):
            super().__init__()
            self.head = nn.Linear(20, classes)

        def features(self, inputs):
            return Features(inputs[0] if inputs.sum().item() else inputs[0, :1], ())

    assert network_shape("choosy", SIGNAL, 4).embedding == 20


def test_inputs_that_are_too_small_are_refused_as_on_the_cpu():
    with pytest.raises(CannotTake, match="timm/test_vit"):
        network_shape("timm/test_vit", InputShape("image", (3, 8, 8)), 4)
