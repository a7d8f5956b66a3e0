"""Networks of several modalities against what their members compute by themselves."""

from __future__ import annotations

import copy

import pytest
import torch
from command_line import without_plugins
from torch import nn

from cmkd_bench.errors import CannotTake
from cmkd_bench.fusion import Fusion
from cmkd_bench.network import InputShape, shape_of
from cmkd_bench.networks import build_network, problem_with_fusion
from cmkd_bench.networks.concat import Concat
from cmkd_bench.networks.late import Late
from cmkd_bench.registry import register_network

SHAPES = {
    "points": InputShape("vector", (7,)),
    "motion": InputShape("signal", (2, 20)),
    "words": InputShape("text", (6,), vocabulary=11),
}
NAMES = {"points": "mlp", "motion": "cnn1d", "words": "transformer"}
ALL = "(mlp+cnn1d+transformer)"


def inputs_of(samples=5):
    generator = torch.Generator().manual_seed(1)
    numbers = {name: torch.randn(samples, *SHAPES[name].shape, generator=generator) for name in ("points", "motion")}
    words = torch.randint(1, 11, (samples, 6), generator=generator)
    words[0, 3:] = 0  # a shorter text
    return {**numbers, "words": words}


def members():
    torch.manual_seed(3)
    return {name: build_network(NAMES[name], shape, 4).eval() for name, shape in SHAPES.items()}


def of_members(networks, inputs):
    return {name: network(inputs[name], range(2)) for name, network in networks.items()}


@pytest.mark.parametrize("kind", [Concat, Late])
def test_the_embedding_is_that_of_all_members_in_a_row(kind):
    networks, inputs = members(), inputs_of()
    fusion = kind(networks, 4).eval()
    alone = of_members(networks, inputs)
    outputs = fusion(inputs)
    assert torch.equal(outputs.embedding, torch.cat([one.embedding for one in alone.values()], dim=1))
    assert torch.equal(outputs.logits, fusion.head(outputs.embedding))
    assert shape_of(fusion, SHAPES).embedding == 64 + 64 + 32


def test_late_fusion_starts_with_the_mean_of_the_members_logits():
    networks, inputs = members(), inputs_of()
    expected = torch.stack([one.logits for one in of_members(networks, inputs).values()]).mean(0)
    assert torch.allclose(Late(networks, 4).eval()(inputs).logits, expected, atol=1e-6)


def test_late_fusion_takes_a_missing_bias_for_zero():
    networks = members()
    networks["points"].head = nn.Linear(64, 4, bias=False)
    expected = torch.stack([networks["motion"].head.bias, networks["words"].head.bias]).sum(0) / 3
    assert torch.allclose(Late(networks, 4).head.bias, expected)


def test_the_members_heads_are_no_part_of_a_fusion():
    networks = members()
    names = {name for name, _ in Concat(networks, 4).named_parameters() if "head" in name}
    assert names == {"head.weight", "head.bias"}
    assert all("head.weight" in network.state_dict() for network in networks.values()), "members stay whole"


def test_layers_are_joined_at_the_same_share_of_the_depth():
    networks, inputs = members(), inputs_of()
    fusion = Concat(networks, 4).eval()
    outputs = fusion(inputs, (0, 1))
    motion = networks["motion"](inputs["motion"], (0, 1, 2)).feature_maps
    words = networks["words"](inputs["words"], (0, 1))
    points = networks["points"](inputs["points"], (0, 1)).feature_maps
    for layer, of_three in ((0, 0), (1, 2)):  # of three layers, the first and the last are at a half and at the whole
        pooled = words.pooled(layer)
        row = torch.cat([points[layer], motion[of_three].mean(2), pooled], dim=1)
        assert torch.allclose(outputs.feature_maps[layer], row, atol=1e-6)
    assert shape_of(fusion, SHAPES).layers == ((64 + 16 + 32,), (64 + 64 + 32,))


def test_maps_with_the_same_positions_stay_maps():
    shapes = {name: InputShape("signal", (2, 20)) for name in ("left", "right")}
    network = build_network("concat(cnn1d+cnn1d)", shapes, 4)
    assert shape_of(network, shapes).layers == ((32, 7), (64, 4), (128, 2))


def test_positions_are_joined_for_segmentation():
    shapes = {name: InputShape(name, (channels, 32, 40), dense=True) for name, channels in (("image", 3), ("depth", 1))}
    network = build_network("concat(timm/test_resnet+timm/test_resnet)", shapes, 5)
    outputs = network({name: torch.randn(2, *shape.shape) for name, shape in shapes.items()})
    assert outputs.logits.shape[:2] == (2, 5)
    assert outputs.logits.shape[2:] == outputs.positions.shape[2:]
    assert shape_of(network, shapes).positions == tuple(outputs.positions.shape[2:])


def test_a_fusion_is_built_by_name_and_learns_from_all_members():
    torch.manual_seed(0)
    network = build_network(f"concat{ALL}", SHAPES, 4)
    assert network.name == f"concat{ALL}"
    before = copy.deepcopy(network.state_dict())
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    network(inputs_of()).logits.square().sum().backward()
    optimizer.step()
    moved = {name.split(".")[1] for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert {*SHAPES, "weight", "bias"} <= moved


def test_a_fusion_of_a_plug_in_is_built_like_any_other():
    with without_plugins():

        @register_network("product")
        class Product(Fusion):
            def __init__(self, networks, classes):
                super().__init__(networks)
                self.head = nn.Linear(64 + 64 + 32, classes, bias=False)

        assert isinstance(build_network(f"product{ALL}", SHAPES, 3), Product)
        assert problem_with_fusion("product") is None


def test_what_does_not_fit_is_refused():
    with pytest.raises(CannotTake, match=r"concat.*several modalities; choose it with model\.fusion"):
        build_network("concat", SHAPES["points"], 4)
    with pytest.raises(CannotTake, match=r"cnn1d.*a vector of shape \(7,\)"):
        build_network("concat(cnn1d+cnn1d)", {"points": SHAPES["points"], "motion": SHAPES["motion"]}, 4)
    assert "for one modality" in problem_with_fusion("mlp")
    assert "concat, late" in problem_with_fusion("mlp")
    assert "Did you mean 'concat'" in problem_with_fusion("conkat")
