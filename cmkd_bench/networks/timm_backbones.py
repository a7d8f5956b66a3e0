"""Any model of timm as a backbone, for images, depth maps, spectrograms and videos: `timm/<model>`."""

from __future__ import annotations

from typing import Any

import timm
from torch import Tensor, nn

from cmkd_bench.errors import UserError, nearest_match
from cmkd_bench.networks.base import Features, InputShape, Network, register_family
from cmkd_bench.networks.segmentation import Segmentation
from cmkd_bench.networks.weights import HUB, first_line, local_weights, misfit, read_tensors, unavailable

MAPS = ("image", "depth", "spectrogram")


class TimmNetwork(Network):
    """A backbone and a fresh linear head on its pooled embedding.

    The feature maps are timm's own: one at the end of each level of resolution (of a ResNet the stem and the four
    layers), or of each block of a vision transformer. A video's frames go through the backbone one by one, in
    training as one batch for batch normalisation; the embedding is the mean over the frames.
    """

    def __init__(self, backbone: Any, classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(getattr(backbone, "head_hidden_size", backbone.num_features), classes)

    def features(self, inputs: Tensor) -> Features:
        """The embedding and maps (B, D, h, w) of (B, C, H, W); maps (B, D, T, h, w) of a video (B, T, C, H, W)."""
        video = inputs.ndim == 5
        last, maps = self.backbone.forward_intermediates(inputs.flatten(0, 1) if video else inputs)
        embedding: Tensor = self.backbone.forward_head(last, pre_logits=True)
        if video:
            clips = inputs.shape[:2]
            embedding = embedding.reshape(*clips, -1).mean(1)
            maps = [each.reshape(*clips, *each.shape[1:]).transpose(1, 2) for each in maps]
        return Features(embedding, maps)


@register_family("timm", dense=True)
def build(model: str, inputs: InputShape, classes: int, pretrained: str) -> Network:
    """`timm/<model>`: the backbone of any model of timm that gives its intermediate features.

    The classifier of a pretrained model is never loaded: the head is fresh. Where the inputs have one channel, the
    pretrained weights of the first convolution are summed over its three, as timm does it.

    Raises:
        UserError: if timm has no such model, or its weights cannot be had.
        ValueError: for inputs that are no maps.
    """
    if problem := problem_with_model(model):
        raise UserError(problem)
    _check(inputs)
    options: dict[str, Any] = {"in_chans": inputs.shape[-3], "num_classes": 0}
    if timm.get_pretrained_cfg(model).fixed_input_size:
        options["img_size"] = inputs.shape[-2:]  # its position embeddings have the size of the input
    backbone = _pretrained(model, pretrained, options, inputs.dense)
    if not hasattr(backbone, "forward_intermediates"):
        raise ValueError("this model of timm does not give its intermediate features")
    return Segmentation(backbone, classes) if inputs.dense else TimmNetwork(backbone, classes)


def problem_with_model(model: str) -> str | None:
    """Why timm has no such model, with the nearest match, or None where it has."""
    name, _, tag = model.partition(".")
    if not timm.is_model(name):
        nearest = nearest_match(name, timm.list_models())
        hint = f" Did you mean 'timm/{nearest}'?" if nearest else " See: https://huggingface.co/timm"
        return f"unknown network 'timm/{model}': timm {timm.__version__} has no such model.{hint}"
    tagged = timm.list_models(f"{name}.*", pretrained=True)
    if tag and model not in tagged:
        return f"unknown network 'timm/{model}': no such weights. Available: {', '.join([name, *tagged])}."
    return None


def _check(inputs: InputShape) -> None:
    if inputs.kind == "video" and inputs.dense:
        raise ValueError("segmentation of videos is not defined here; use single frames")
    axes = 4 if inputs.kind == "video" else 3
    if inputs.kind not in (*MAPS, "video") or len(inputs.shape) != axes:
        raise ValueError(
            f"an {MAPS[0]}, {MAPS[1]} or {MAPS[2]} (channels, height, width) is wanted, or a video (frames, channels, "
            "height, width)"
        )


def _pretrained(model: str, pretrained: str, options: dict[str, Any], dense: bool) -> Any:
    """The backbone with the weights that are asked for.

    Raises:
        UserError: if they cannot be had, or are another model's.
    """
    network = f"timm/{model}"
    if not pretrained:
        return _create(model, dense, **options)
    if pretrained == HUB:
        try:
            return _create(model, dense, pretrained=True, **options)
        except Exception as error:  # whatever the hub's client raises
            raise unavailable(network, error) from error
    path = local_weights(pretrained, network)
    tensors = read_tensors(path)
    names = set(tensors)
    try:
        backbone = _create(model, dense, pretrained=True, pretrained_cfg_overlay={"state_dict": tensors}, **options)
    except (RuntimeError, KeyError) as error:
        raise misfit(network, path, first_line(error)) from error
    # timm leaves at random what a file lacks, as soon as its classifier is not wanted
    if missing := sorted(set(backbone.state_dict()) - names):
        raise misfit(network, path, f"{len(missing)} tensors of the network are not in it, e.g. {missing[0]}")
    backbone.pretrained_cfg.pop("state_dict")
    return backbone


def _create(model: str, dense: bool, **options: Any) -> Any:
    """The model; for segmentation with an output stride of 16 in place of 32 where it can be had."""
    if dense:
        try:
            return timm.create_model(model, output_stride=16, **options)
        except (TypeError, AssertionError):  # how timm's models say that they have no such option
            pass
    return timm.create_model(model, **options)
