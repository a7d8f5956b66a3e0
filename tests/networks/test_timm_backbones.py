from __future__ import annotations

import pytest
import torch

from cmkd_bench.errors import UserError
from cmkd_bench.method import Pair
from cmkd_bench.network import InputShape, shape_of
from cmkd_bench.registry import methods

IMAGE = InputShape("image", (3, 64, 96))
DEPTH = InputShape("depth", (1, 64, 64))
SPECTROGRAM = InputShape("spectrogram", (1, 40, 100))
VIDEO = InputShape("video", (2, 3, 64, 64))

# (network, inputs, width of the embedding, shapes of the layers); a stride of 2 rounds up
SHAPES = [
    ("timm/resnet10t", IMAGE, 512, ((64, 32, 48), (64, 16, 24), (128, 8, 12), (256, 4, 6), (512, 2, 3))),
    ("timm/resnet10t", SPECTROGRAM, 512, ((64, 20, 50), (64, 10, 25), (128, 5, 13), (256, 3, 7), (512, 2, 4))),
    ("timm/mobilenetv3_small_050", DEPTH, 1024, ((16, 32, 32), (8, 16, 16), (16, 8, 8), (24, 4, 4), (288, 2, 2))),
    ("timm/test_vit", IMAGE, 64, ((64, 4, 6),) * 6),
    ("timm/test_vit", VIDEO, 64, ((64, 2, 4, 4),) * 6),
]


@pytest.mark.parametrize(("name", "shape", "width", "layers"), SHAPES)
def test_outputs_have_the_shapes_of_the_table(built, name, shape, width, layers):
    network = built(name, shape)
    found = shape_of(network, shape)
    assert (found.embedding, found.layers, found.positions) == (width, layers, ())
    outputs = network(torch.randn(2, *shape.shape), [1])
    assert (outputs.logits.shape, outputs.embedding.shape) == ((2, 4), (2, width))
    assert outputs.feature_maps[1].shape == (2, *layers[1])
    assert outputs.positions is None


def test_the_embedding_of_a_residual_network_is_its_last_layer_pooled(built):
    network = built("timm/resnet10t", IMAGE).eval()
    outputs = network(torch.randn(2, *IMAGE.shape), [4])
    torch.testing.assert_close(outputs.embedding, outputs.pooled(4))
    torch.testing.assert_close(outputs.logits, outputs.embedding @ network.head.weight.T + network.head.bias)


def test_a_video_is_the_mean_of_its_frames(built):
    network = built("timm/mobilenetv3_small_050", VIDEO).eval()
    clips = torch.randn(3, 2, 3, 64, 64)
    outputs = network(clips, [2])
    frames = [[network(clip[time][None], [2]) for time in range(2)] for clip in clips]
    for row in range(3):
        one, other = frames[row]
        torch.testing.assert_close(outputs.embedding[row], (one.embedding[0] + other.embedding[0]) / 2)
        for time in range(2):
            torch.testing.assert_close(outputs.feature_maps[2][row, :, time], frames[row][time].feature_maps[2][0])
    assert not torch.allclose(frames[0][0].embedding, frames[0][1].embedding), "the frames do not differ"


def test_the_gradient_reaches_every_parameter(built):
    network = built("timm/mobilenetv3_small_050", IMAGE)
    network(torch.randn(2, *IMAGE.shape)).logits.square().sum().backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


def test_one_seed_gives_one_network(built):
    one, same, other = (built("timm/resnet10t", IMAGE, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(value, same[name]) for name, value in one.items())
    assert not torch.equal(one["backbone.conv1.0.weight"], other["backbone.conv1.0.weight"])


def test_methods_find_the_middle_layers_of_a_resnet18(built):
    """C2KD's released code taps layer3, whose 256 channels follow stem, layer1 and layer2; FitNet takes the middle."""
    shape = InputShape("spectrogram", (1, 64, 64))
    with torch.device("meta"):
        resnet = shape_of(built("timm/resnet18", shape), shape)
    assert [layer[0] for layer in resnet.layers] == [64, 64, 128, 256, 512]
    pair = Pair(resnet, resnet, 6, torch.arange(6))
    c2kd, fitnet = methods.get("c2kd"), methods.get("fitnet")
    tapped = c2kd(c2kd.HyperParameters(proxy_tap="stage"), pair)
    assert tapped.student_layers() == tapped.teacher_layers() == (3,)
    assert tapped.student_proxy[0].in_features == 256
    guided = fitnet(fitnet.HyperParameters(), pair)
    assert guided.student_layers() == (2,)
    assert guided.regressor.in_features == 128


@pytest.mark.parametrize(
    "shape",
    [
        InputShape("vector", (12,)),
        InputShape("signal", (3, 64)),
        InputShape("text", (8,), 20),
        InputShape("image", (64, 64)),
        InputShape("video", (3, 64, 64)),
        InputShape("video", (2, 3, 64, 64), dense=True),
    ],
)
def test_inputs_that_are_no_maps_are_refused(built, shape):
    with pytest.raises(UserError, match=rf"network 'timm/resnet10t' cannot take an? {shape.kind} of shape"):
        built("timm/resnet10t", shape)


def test_inputs_too_small_for_a_network_are_the_users_error(built):
    small = InputShape("image", (3, 8, 8))
    network = built("timm/test_vit", small)
    with pytest.raises(UserError, match=r"network 'timm/test_vit' cannot take an image of shape \(3, 8, 8\)"):
        shape_of(network, small)


def test_an_unknown_model_gets_the_nearest_one(built):
    with pytest.raises(UserError, match=r"unknown network 'timm/resnt18'.*Did you mean 'timm/resnet18'"):
        built("timm/resnt18", IMAGE)
