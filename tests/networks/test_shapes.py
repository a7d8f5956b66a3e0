"""Shapes of a family's models are known without weights, on torch's meta device, if they can run there."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from command_line import without_plugins
from torch import nn

from cmkd_bench.errors import CannotTake
from cmkd_bench.network import Features, InputShape, Network, NetworkFamily, shape_of
from cmkd_bench.networks import build_network, network_shape
from cmkd_bench.registry import families, networks, register_family

SIGNAL = InputShape("signal", (3, 20))
IMAGE = InputShape("image", (3, 64, 80))
TEXT = InputShape("text", (6,), vocabulary=30)
CASES = [
    ("linear", SIGNAL),
    ("mlp", SIGNAL),
    ("cnn1d", SIGNAL),
    ("cnn2d", IMAGE),
    ("cnn2d_deep", IMAGE),
    ("transformer", TEXT),
    ("timm/resnet10t", IMAGE),
    ("timm/test_vit", InputShape("video", (2, 3, 32, 32))),
    ("timm/resnet10t", InputShape("image", (3, 64, 80), dense=True)),
    ("transformers/prajjwal1/bert-tiny", TEXT),
]
LARGE = [
    ("transformers/roberta-base", TEXT),
    ("transformers/MIT/ast-finetuned-audioset-10-10-0.4593", InputShape("spectrogram", (1, 32, 48))),
]


@pytest.fixture
def devices(monkeypatch):
    """Where the networks lie that are run from now on."""
    found = []
    monkeypatch.setattr(Network, "train", lambda self, mode=True: found.append(self.head.weight.device.type) or self)
    return found


def test_every_built_in_network_is_among_the_cases():
    with without_plugins():
        one_modality = {name for name in networks.names() if not getattr(networks.get(name), "fuses", False)}
        assert one_modality <= {name for name, _ in CASES}


@pytest.mark.parametrize(("name", "inputs"), CASES)
def test_the_shape_is_that_of_the_network_on_the_cpu(name, inputs, devices):
    found = network_shape(name, inputs, 4)
    assert set(devices) == {"meta" if "/" in name else "cpu"}
    assert found == shape_of(build_network(name, inputs, 4), inputs)


@pytest.mark.parametrize(("name", "inputs"), LARGE)
def test_large_networks_get_no_weights(name, inputs, devices):
    network_shape(name, inputs, 4)
    assert set(devices) == {"meta"}


def test_planning_with_the_small_networks_needs_no_compiler():
    """Importing torch's takes more than a second."""
    code = """
import sys
from cmkd_bench.network import InputShape
from cmkd_bench.networks import network_shape
network_shape("transformer", InputShape("text", (6,), 30), 4)
network_shape("mlp", InputShape("signal", (3, 20)), 4)
assert not {"torch._dynamo", "transformers", "timm"} & {*sys.modules}
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_random_numbers_are_left_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    for name in ("mlp", "transformers/prajjwal1/bert-tiny"):
        network_shape(name, dict(CASES)[name], 4)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_model_that_cannot_run_on_the_meta_device_runs_on_the_cpu(devices, monkeypatch):
    monkeypatch.setattr(families, "_registered", dict(families._registered))

    class Choosy(Network):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(20, 4)

        def features(self, inputs):
            return Features(inputs[0] if inputs.sum().item() else inputs[0, :1], ())

    @register_family("choosy")
    class Family(NetworkFamily):
        def build(self, model, inputs, classes, pretrained, weights):
            return Choosy()

    assert network_shape("choosy/one", SIGNAL, 4).embedding == 20
    assert set(devices) == {"meta", "cpu"}


def test_inputs_that_are_too_small_are_refused_as_on_the_cpu():
    with pytest.raises(CannotTake, match="timm/test_vit"):
        network_shape("timm/test_vit", InputShape("image", (3, 8, 8)), 4)
