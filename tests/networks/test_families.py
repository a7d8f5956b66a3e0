"""A third party's family of networks, with a tokenizer and weights of its own, by an entry point and by a plug-in."""

from __future__ import annotations

import importlib
import sys

import pytest
import torch

from cmkd_bench import registry
from cmkd_bench.data.tokenizers.by_name import tokenizer
from cmkd_bench.errors import UserError
from cmkd_bench.network import InputShape
from cmkd_bench.networks import build_network, load_networks, network_names, problem_with, tokenizer_of, weights_id
from cmkd_bench.registry import Registry, load_plugin

TEXT = InputShape("text", (3,), vocabulary=128)
SOURCE = '''"""Bags of bytes."""

import numpy as np
from torch import nn

from cmkd_bench.network import Features, Network, NetworkFamily
from cmkd_bench.registry import register_family


class Bytes:
    """One token per byte; nothing is learned but the length."""

    def __init__(self, length):
        self.length = length

    description = "bytes"

    @classmethod
    def learn(cls, texts):
        return cls(max(map(len, texts)))

    def __len__(self):
        return 128

    def encode(self, texts):
        return np.array([list(text.encode()[: self.length].ljust(self.length, b"\\0")) for text in texts])


class Bag(Network):
    def __init__(self, inputs, width, classes):
        super().__init__()
        self.embed = nn.EmbeddingBag(inputs.vocabulary, width)
        self.head = nn.Linear(width, classes)

    def features(self, inputs):
        return Features(self.embed(inputs), ())


@register_family("bags")
class Bags(NetworkFamily):
    modules = ("json.tool",)

    def problem_with(self, model):
        return None if model.isdigit() else f"bags/{model}: the model is a width"

    def has(self, model):
        return model == "4096"

    def tokenizer(self, model, pretrained, weights):
        return f"{__name__}:Bytes"

    def weights_id(self, setting, model):
        return f"v{model}" if setting is True else ""

    def build(self, model, inputs, classes, pretrained, weights):
        if not inputs.vocabulary:
            raise ValueError("expected bytes")
        network = Bag(inputs, int(model), classes)
        if pretrained:
            nn.init.constant_(network.embed.weight, float(pretrained[1:]))
        return network
'''


@pytest.fixture(params=["entry point", "plug-in"])
def bags(request, tmp_path, monkeypatch):
    """The family is known afterwards; its registry is forgotten with the test."""
    families = Registry("network family", "cmkd_bench.networks.families", "cmkd_bench.network_families")
    monkeypatch.setattr(families, "_registered", dict(registry.families._registered))
    monkeypatch.setattr(registry, "families", families)
    monkeypatch.setattr(registry, "register_family", families.register)
    name = f"bags_by_{request.param.replace(' ', '_').replace('-', '_')}"
    monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / f"{name}.py").write_text(SOURCE)
    if request.param == "plug-in":
        load_plugin(tmp_path / f"{name}.py")
        return
    distribution = tmp_path / "their_bags-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Name: their-bags\nVersion: 1.0\n")
    (distribution / "entry_points.txt").write_text(f"[cmkd_bench.network_families]\nbags = {name}\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()


@pytest.mark.usefixtures("bags")
def test_its_models_are_networks_like_any_other():
    assert network_names()[-3:] == ["bags/<model>", "timm/<model>", "transformers/<model>"]
    assert problem_with("bags/7") is None
    assert problem_with("bags/seven") == "bags/seven: the model is a width"
    assert "Did you mean 'bags/4096'" in problem_with("4096")
    load_networks(["bags/7", "mlp", "a_plugin_that_is_not_loaded"])
    network = build_network("bags/7", TEXT, 5)
    assert network.name == "bags/7"
    assert network(torch.zeros(2, 3, dtype=torch.int64)).logits.shape == (2, 5)


@pytest.mark.usefixtures("bags")
def test_it_has_a_tokenizer_and_weights_of_its_own():
    assert [weights_id(setting, "bags/7") for setting in (False, True)] == ["", "v7"]
    network = build_network("bags/7", TEXT, 5, pretrained="v7")
    assert network.embed.weight.unique().tolist() == [7.0]
    learned = tokenizer(tokenizer_of("bags/7", "v7"), ["abc", "a"])
    assert learned.encode(["ab"]).tolist() == [[97, 98, 0]]


@pytest.mark.usefixtures("bags")
def test_what_it_cannot_take_is_the_users_error():
    with pytest.raises(UserError, match=r"network 'bags/7' cannot take a vector of shape \(3,\): expected bytes"):
        build_network("bags/7", InputShape("vector", (3,)), 5)
    with pytest.raises(UserError, match="no logits per position"):
        build_network("bags/7", InputShape("text", (3,), 128, dense=True), 5)
