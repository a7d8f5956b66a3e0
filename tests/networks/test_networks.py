from __future__ import annotations

import pytest
import torch
from command_line import without_plugins
from torch import nn
from transformers import BertConfig, BertModel

from cmkd_bench.errors import UnknownName, UserError
from cmkd_bench.network import Features, InputShape, Network, shape_of
from cmkd_bench.networks import build_network, network_names
from cmkd_bench.outputs import Outputs
from cmkd_bench.registry import networks, register_network

VECTOR = InputShape("vector", (12,))
SIGNAL = InputShape("signal", (3, 20))
IMAGE = InputShape("image", (3, 9, 16))
TEXT = InputShape("text", (6,), vocabulary=11)

# (network, inputs, width of the embedding, shapes of the layers); a stride of 2 rounds up
SHAPES = [
    ("linear", VECTOR, 12, ()),
    ("linear", SIGNAL, 60, ()),
    ("mlp", VECTOR, 64, ((64,), (64,))),
    ("mlp", IMAGE, 64, ((64,), (64,))),
    ("cnn1d", SIGNAL, 64, ((16, 7), (32, 4), (64, 2))),
    ("cnn2d", IMAGE, 64, ((16, 5, 8), (32, 3, 4), (64, 2, 2))),
    ("cnn2d_deep", IMAGE, 128, ((16, 5, 8), (32, 3, 4), (64, 2, 2), (128, 1, 1))),
    ("transformer", TEXT, 32, ((32, 6), (32, 6))),
]


def built(name, shape, classes=4):
    torch.manual_seed(0)
    return build_network(name, shape, classes)


def inputs_of(shape, samples=5):
    generator = torch.Generator().manual_seed(1)
    if shape.vocabulary:
        return torch.randint(1, shape.vocabulary, (samples, *shape.shape), generator=generator)
    return torch.randn(samples, *shape.shape, generator=generator)


def test_every_built_in_network_is_in_the_table():
    with without_plugins():
        assert [
            *sorted({"concat", "late", *(name for name, *_ in SHAPES)}),
            "timm/<model>",
            "transformers/<model>",
        ] == network_names()


@pytest.mark.parametrize(("name", "shape", "width", "layers"), SHAPES)
def test_outputs_have_the_shapes_of_the_table(name, shape, width, layers):
    network = built(name, shape)
    outputs = network(inputs_of(shape), range(len(layers)))
    assert outputs.logits.shape == (5, 4)
    assert outputs.embedding.shape == (5, width)
    assert {layer: tuple(maps.shape) for layer, maps in outputs.feature_maps.items()} == {
        layer: (5, *expected) for layer, expected in enumerate(layers)
    }
    found = shape_of(network, shape)
    assert (found.embedding, found.layers) == (width, layers)


@pytest.mark.parametrize(("name", "shape", "width", "layers"), SHAPES)
def test_the_embedding_feeds_the_head_and_is_the_last_layer_pooled(name, shape, width, layers):
    network = built(name, shape).eval()
    inputs = inputs_of(shape)
    if shape.vocabulary:
        inputs[:, 4:] = 0
    last = len(layers) - 1
    outputs = network(inputs, [last] if layers else [])
    torch.testing.assert_close(outputs.logits, outputs.embedding @ network.head.weight.T + network.head.bias)
    pooled = outputs.pooled(last) if layers else inputs.flatten(1)
    torch.testing.assert_close(outputs.embedding, pooled)


@pytest.mark.parametrize(("name", "shape", "width", "layers"), SHAPES)
def test_only_the_asked_layers_are_returned(name, shape, width, layers):
    outputs = built(name, shape)(inputs_of(shape), range(len(layers) - 1))
    assert list(outputs.feature_maps) == list(range(len(layers) - 1))


def test_looking_at_the_shape_changes_no_network():
    network = built("cnn1d", SIGNAL).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    shape_of(network, SIGNAL)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_pooling_counts_valid_tokens_alone():
    maps = {0: torch.tensor([[[1.0, 3.0, 100.0], [2.0, 6.0, 100.0]], [[5.0, 100.0, 100.0], [7.0, 100.0, 100.0]]])}
    mask = torch.tensor([[True, True, False], [True, False, False]])
    outputs = Outputs(torch.zeros(2, 2), torch.zeros(2, 1), maps, mask)
    assert outputs.pooled(0).tolist() == [[2.0, 4.0], [5.0, 7.0]]
    assert outputs.select(torch.tensor([1])).pooled(0).tolist() == [[5.0, 7.0]]


def test_pooling_without_a_mask_is_the_mean_over_all_positions():
    maps = {0: torch.arange(8.0).reshape(1, 2, 2, 2), 1: torch.tensor([[4.0, 5.0]])}
    outputs = Outputs(torch.zeros(1, 2), torch.zeros(1, 1), maps)
    assert outputs.pooled(0).tolist() == [[1.5, 5.5]]
    assert outputs.pooled(1).tolist() == [[4.0, 5.0]]


def test_padding_does_not_change_what_the_transformer_says():
    network = built("transformer", TEXT).eval()
    tokens = torch.tensor([[5, 3, 9], [2, 2, 7]])
    padded = torch.cat([tokens, torch.zeros(2, 3, dtype=torch.int64)], dim=1)
    alone, with_padding = network(tokens, [0, 1]), network(padded, [0, 1])
    torch.testing.assert_close(with_padding.logits, alone.logits)
    torch.testing.assert_close(with_padding.embedding, alone.embedding)
    for layer in (0, 1):
        torch.testing.assert_close(with_padding.feature_maps[layer][:, :, :3], alone.feature_maps[layer])
    assert with_padding.token_mask.tolist() == [[True] * 3 + [False] * 3] * 2
    other = network(torch.tensor([[5, 3, 4], [2, 2, 7]]))
    assert not torch.allclose(other.logits[0], alone.logits[0]), "the tokens do not reach the logits"


def test_the_transformer_is_berts_encoder_bit_for_bit():
    """The transformers library is the oracle: initial weights, outputs in training, with dropout, and gradients."""
    shape, tokens = InputShape("text", (9,), vocabulary=30), inputs_of(InputShape("text", (9,), vocabulary=30))
    tokens[0], tokens[1, 4:] = 0, 0
    ours = built("transformer", shape)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=9,
        attention_probs_dropout_prob=0.0,
    )
    theirs = BertModel(config, add_pooling_layer=False).train()
    pairs = list(zip(ours.encoder.parameters(), theirs.parameters(), strict=True))
    assert all(torch.equal(one, other) for one, other in pairs)
    torch.manual_seed(1)
    one = ours(tokens, [1]).feature_maps[1].transpose(1, 2)
    torch.manual_seed(1)
    other = theirs(tokens, attention_mask=tokens != 0).last_hidden_state
    assert torch.equal(one, other)
    for states in (one, other):
        states.square().sum().backward()
    assert all(torch.equal(one.grad, other.grad) for one, other in pairs)


def test_an_empty_text_is_finite_and_leaves_its_neighbours_alone():
    network = built("transformer", TEXT).eval()
    texts = inputs_of(TEXT, 2)
    alone = network(texts[1:])
    texts[0] = 0
    outputs = network(texts, [0, 1])
    assert outputs.logits.isfinite().all()
    assert outputs.embedding[0].tolist() == [0.0] * 32
    torch.testing.assert_close(outputs.logits[1:], alone.logits)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("linear", TEXT),
        ("mlp", TEXT),
        ("cnn1d", VECTOR),
        ("cnn1d", IMAGE),
        ("cnn1d", TEXT),
        ("cnn2d", SIGNAL),
        ("cnn2d", TEXT),
        ("transformer", VECTOR),
        ("transformer", SIGNAL),
    ],
)
def test_wrong_inputs_are_the_users_error(name, shape):
    with pytest.raises(UserError, match=f"network '{name}' cannot take an? {shape.kind} of shape"):
        build_network(name, shape, 4)


def test_an_unknown_name_gets_the_nearest_one():
    with pytest.raises(UnknownName, match=r"'transfomer'.*Did you mean 'transformer'"):
        build_network("transfomer", TEXT, 4)


def test_a_network_of_ones_own_is_built_by_name(monkeypatch):
    monkeypatch.setattr(networks, "_registered", {})

    @register_network("own")
    class Own(Network):
        def __init__(self, inputs, classes):
            super().__init__()
            self.head = nn.Linear(inputs.shape[0], classes)

        def features(self, inputs):
            return Features(inputs, ())

    assert "own" in network_names()
    assert isinstance(build_network("own", VECTOR, 3), Own)


def test_a_network_is_drawn_from_the_global_generator():
    one, other = built("mlp", VECTOR), built("mlp", VECTOR)
    assert torch.equal(one.head.weight, other.head.weight)
    assert not torch.equal(build_network("mlp", VECTOR, 4).head.weight, one.head.weight)
