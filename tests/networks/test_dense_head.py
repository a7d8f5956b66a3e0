from __future__ import annotations

import pytest
import torch

from cmkd_bench.errors import UserError
from cmkd_bench.network import InputShape, shape_of
from cmkd_bench.outputs import Outputs

IMAGE = InputShape("image", (3, 64, 80), dense=True)


@pytest.mark.parametrize("name", ["timm/resnet10t", "timm/mobilenetv3_small_050", "timm/test_vit"])
def test_logits_are_at_a_quarter_of_the_resolution(built, name):
    network = built(name, IMAGE, classes=5).train()
    outputs = network(torch.randn(2, *IMAGE.shape), [0])
    assert outputs.logits.shape == (2, 5, 16, 20)
    assert outputs.positions.shape == (2, 256, 16, 20)
    assert outputs.embedding.shape == (2, 256)
    assert shape_of(network, IMAGE).positions == (16, 20)


def test_the_positions_feed_the_head_and_their_mean_is_the_embedding(built):
    network = built("timm/mobilenetv3_small_050", IMAGE).eval()
    outputs = network(torch.randn(2, *IMAGE.shape))
    weight, bias = network.head.weight[:, :, 0, 0], network.head.bias
    expected = torch.einsum("cd,bdhw->bchw", weight, outputs.positions) + bias[:, None, None]
    torch.testing.assert_close(outputs.logits, expected)
    torch.testing.assert_close(outputs.embedding, outputs.positions.flatten(2).sum(2) / (16 * 20))


def test_the_gradient_reaches_every_parameter(built):
    network = built("timm/mobilenetv3_small_050", IMAGE)
    network(torch.randn(2, *IMAGE.shape)).logits.square().sum().backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


def test_the_output_stride_is_16_where_timm_can_have_it(built):
    strided, plain = (
        shape_of(built(name, IMAGE), IMAGE).layers[-1] for name in ("timm/resnet10t", "timm/mobilenetv3_small_050")
    )
    assert (strided[1:], plain[1:]) == ((4, 5), (2, 3))


def test_a_batch_of_one_with_one_position_can_be_trained(built):
    shape = InputShape("depth", (1, 33, 47), dense=True)
    network = built("timm/test_convnext", shape, classes=3).train()
    assert network(torch.randn(1, *shape.shape)).logits.shape == (1, 3, 8, 11)


def test_one_pixel_changes_logits_far_away_through_the_pooled_branch_alone(built):
    """Logits depend on where things are: the pyramid and the decoder keep the geometry."""
    network = built("timm/resnet10t", InputShape("image", (3, 128, 128), dense=True)).eval()
    image = torch.randn(1, 3, 128, 128)
    changed = image.clone()
    changed[..., :16, :16] += 3
    change = (network(changed).logits - network(image).logits).abs().sum(1)[0]
    assert change[:4, :4].mean() > 2 * change[-8:, -8:].mean()


@pytest.mark.parametrize("name", ["cnn2d", "mlp"])
def test_networks_without_a_dense_form_say_so(built, name):
    with pytest.raises(UserError, match=rf"network '{name}' cannot take an image .*segmentation needs"):
        built(name, IMAGE)


def test_positions_are_detached_and_selected_with_the_rest():
    positions = torch.arange(16.0, requires_grad=True).reshape(2, 2, 2, 2)
    outputs = Outputs(positions.sum(1, keepdim=True), positions.mean((2, 3)), positions=positions)
    assert outputs.positions.requires_grad
    assert not outputs.detach().positions.requires_grad
    assert outputs.select(torch.tensor([1])).positions.flatten().tolist() == [8, 9, 10, 11, 12, 13, 14, 15]
    assert Outputs(torch.zeros(2, 1), torch.zeros(2, 1)).select(torch.tensor([1])).positions is None
