"""Segmentation on a backbone of timm: the pyramid and the decoder of DeepLabV3+."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cmkd_bench.network import Features, Network

WIDTH = 256
SHALLOW_WIDTH = 48
STRIDE = 4  # of the logits
RATES = (6, 12, 18)  # of the paper, for a last map of stride 16


class Segmentation(Network):
    """DeepLabV3+ (Chen et al., ECCV 2018): atrous spatial pyramid pooling on the last map, a decoder at stride 4.

    The decoder uses the backbone's deepest map of stride 4; a backbone without one (a vision transformer) omits
    it. The rates are scaled if the last map's stride is not 16. Logits, (B, C, H/4, W/4) rounded up, stay at
    the decoder's resolution.

    Deviation: group normalization in place of batch normalization. Segmentation trains with a few samples per batch,
    whose statistics are poor; and the pooled branch has one position per sample, so a batch of one has no statistics.
    """

    def __init__(self, backbone: Any, classes: int) -> None:
        super().__init__()
        levels = backbone.feature_info
        backbone.prune_intermediate_layers(list(range(len(levels))), prune_norm=True, prune_head=True)
        self.backbone = backbone
        shallow = [number for number, level in enumerate(levels) if level["reduction"] == STRIDE]
        self.shallow = shallow[-1] if shallow else None
        rates = [max(rate * 16 // levels[-1]["reduction"], 1) for rate in RATES]
        self.pyramid = _Pyramid(levels[-1]["num_chs"], rates)
        self.reduce = _block(levels[self.shallow]["num_chs"], SHALLOW_WIDTH) if self.shallow is not None else None
        joined = WIDTH + (SHALLOW_WIDTH if self.shallow is not None else 0)
        self.decoder = nn.Sequential(_separable(joined), _separable(WIDTH))
        self.head = nn.Conv2d(WIDTH, classes, 1)

    def features(self, inputs: Tensor) -> Features:
        """Compute the maps of the backbone and the positions (B, 256, h, w) of (B, C, H, W)."""
        maps = self.backbone.forward_intermediates(inputs, intermediates_only=True)
        deep = self.pyramid(maps[-1])
        if self.shallow is None or self.reduce is None:
            height, width = (math.ceil(size / STRIDE) for size in inputs.shape[2:])
            joined = _resized(deep, (height, width))
        else:
            shallow = self.reduce(maps[self.shallow])
            joined = torch.cat([_resized(deep, shallow.shape[2:]), shallow], dim=1)
        positions: Tensor = self.decoder(joined)
        return Features(positions.mean((2, 3)), maps, positions=positions)


class _Pyramid(nn.Module):
    """Atrous spatial pyramid pooling: a 1x1 convolution, 3x3 convolutions of some rates, the pooled map; joined."""

    def __init__(self, channels: int, rates: Sequence[int]) -> None:
        super().__init__()
        self.branches = nn.ModuleList([_block(channels, WIDTH), *(_separable(channels, rate) for rate in rates)])
        self.pooled = _block(channels, WIDTH)
        self.join = _block((len(rates) + 2) * WIDTH, WIDTH)

    def forward(self, inputs: Tensor) -> Tensor:
        pooled = self.pooled(inputs.mean((2, 3), keepdim=True)).expand(-1, -1, *inputs.shape[2:])
        joined: Tensor = self.join(torch.cat([*(branch(inputs) for branch in self.branches), pooled], dim=1))
        return joined


def _separable(channels: int, rate: int = 1) -> nn.Sequential:
    """Return a depthwise 3x3 convolution and a 1x1 one, with an eighth of the operations of a full convolution."""
    depthwise = nn.Conv2d(channels, channels, 3, padding=rate, dilation=rate, groups=channels, bias=False)
    return nn.Sequential(depthwise, _block(channels, WIDTH))


def _block(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 1, bias=False), nn.GroupNorm(16, after), nn.ReLU())


def _resized(maps: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(maps, tuple(size), mode="bilinear", align_corners=False)
