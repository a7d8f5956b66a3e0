"""Any model of timm as a backbone, for images, depth maps, spectrograms and videos: `timm/<model>`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import timm
from torch import Tensor, nn

from cmkd_bench.errors import UserError, nearest_match
from cmkd_bench.network import Features, InputShape, Network, NetworkFamily
from cmkd_bench.networks.families._segmentation import Segmentation
from cmkd_bench.registry import register_family
from cmkd_bench.weights import HUB, first_line, local_weights, misfit, read_tensors, unavailable, weights_id

MAPS = ("image", "depth", "spectrogram")


@register_family("timm")
class Timm(NetworkFamily):
    """Every model of timm that returns its intermediate features."""

    dense = True

    def problem_with(self, model: str) -> str | None:
        name, _, tag = model.partition(".")
        if not timm.is_model(name):
            nearest = nearest_match(name, timm.list_models())
            hint = f" Did you mean 'timm/{nearest}'?" if nearest else " See: https://huggingface.co/timm"
            return f"unknown network 'timm/{model}': timm {timm.__version__} has no such model.{hint}"
        tagged = timm.list_models(f"{name}.*", pretrained=True)
        if tag and model not in tagged:
            return f"unknown network 'timm/{model}': no such weights. Available: {', '.join([name, *tagged])}."
        return None

    def has(self, model: str) -> bool:
        return bool(timm.is_model(model.partition(".")[0]))

    def weights_id(self, setting: bool | str, model: str) -> str:
        return weights_id(setting, model)

    def build(self, model: str, inputs: InputShape, classes: int, pretrained: str, weights: Path | None) -> Network:
        """Build a backbone with a fresh head; the classifier of a pretrained model is never loaded.

        For inputs of one channel, the pretrained weights of the first convolution are summed over its channels, as timm
        does.
        """
        if problem := self.problem_with(model):
            raise UserError(problem)
        _check(inputs)
        options: dict[str, Any] = {"in_chans": inputs.shape[-3], "num_classes": 0}
        if timm.get_pretrained_cfg(model).fixed_input_size:
            options["img_size"] = inputs.shape[-2:]  # its position embeddings have the size of the input
        backbone = _pretrained(model, pretrained, weights, options, inputs.dense)
        if not hasattr(backbone, "forward_intermediates"):
            raise ValueError("this model of timm does not return its intermediate features")
        return Segmentation(backbone, classes) if inputs.dense else TimmNetwork(backbone, classes)


class TimmNetwork(Network):
    """A backbone and a fresh linear head on its pooled embedding.

    The feature maps are timm's own: one at the end of each level of resolution (of a ResNet the stem and the four
    layers), or of each block of a vision transformer. A video's frames go through the backbone one by one, in training
    as one batch for batch normalization; the embedding is the mean over the frames.
    """

    def __init__(self, backbone: Any, classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(getattr(backbone, "head_hidden_size", backbone.num_features), classes)

    def features(self, inputs: Tensor) -> Features:
        """Compute the embedding and maps (B, D, h, w) of (B, C, H, W); (B, D, T, h, w) of a video (B, T, C, H, W)."""
        video = inputs.ndim == 5
        last, maps = self.backbone.forward_intermediates(inputs.flatten(0, 1) if video else inputs)
        embedding: Tensor = self.backbone.forward_head(last, pre_logits=True)
        if video:
            clips = inputs.shape[:2]
            embedding = embedding.reshape(*clips, -1).mean(1)
            maps = [each.reshape(*clips, *each.shape[1:]).transpose(1, 2) for each in maps]
        return Features(embedding, maps)


def _check(inputs: InputShape) -> None:
    if inputs.kind == "video" and inputs.dense:
        raise ValueError("segmentation of videos is not supported; use single frames")
    axes = 4 if inputs.kind == "video" else 3
    if inputs.kind not in (*MAPS, "video") or len(inputs.shape) != axes:
        raise ValueError(
            f"expected an {MAPS[0]}, {MAPS[1]} or {MAPS[2]} (channels, height, width), or a video (frames, channels, "
            "height, width)"
        )


def _pretrained(model: str, pretrained: str, weights: Path | None, options: dict[str, Any], dense: bool) -> Any:
    """Return the backbone with the requested weights.

    Raises:
        UserError: if they are not available, or belong to another model.
    """
    network = f"timm/{model}"
    if not pretrained:
        return _create(model, dense, **options)
    if pretrained == HUB:
        try:
            return _create(model, dense, pretrained=True, **options)
        except Exception as error:  # whatever the hub's client raises
            raise unavailable(network, error) from error
    path = local_weights(pretrained, network, weights)
    tensors = read_tensors(path)
    names = set(tensors)
    try:
        backbone = _create(model, dense, pretrained=True, pretrained_cfg_overlay={"state_dict": tensors}, **options)
    except (RuntimeError, KeyError) as error:
        raise misfit(network, path, first_line(error)) from error
    # without its classifier, timm leaves whatever a file lacks at random
    if missing := sorted(set(backbone.state_dict()) - names):
        raise misfit(network, path, f"{len(missing)} tensors of the network are missing, e.g. {missing[0]}")
    backbone.pretrained_cfg.pop("state_dict")
    return backbone


def _create(model: str, dense: bool, **options: Any) -> Any:
    """Return the model, with an output stride of 16 instead of 32 for segmentation if it has that option."""
    if dense:
        try:
            return timm.create_model(model, output_stride=16, **options)
        except (TypeError, AssertionError):  # what timm's models without the option raise
            pass
    return timm.create_model(model, **options)
