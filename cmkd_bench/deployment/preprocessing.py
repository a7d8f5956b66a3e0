"""What is between a raw sample and the logits of a deployed network, as one module that can be exported."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from cmkd_bench.data.loading import Scaling
from cmkd_bench.training.views import View


class Preprocessing(nn.Module):
    """Turns raw samples into what a network sees in testing: normalized, cut and resized; token ids stay as they are.

    Args:
        view: of the run, for testing.
        scaling: what normalized the inputs before the view; None if the view normalizes them, or nothing does.
    """

    mean: Tensor | None
    scale: Tensor | None
    view_mean: Tensor | None
    view_scale: Tensor | None

    def __init__(self, view: View, scaling: Scaling | None) -> None:
        super().__init__()
        self.view = replace(view, mean=None, scale=None)
        first = (None, None) if scaling is None else tuple(map(torch.from_numpy, scaling))
        for name, values in zip(("mean", "scale", "view_mean", "view_scale"), (*first, view.mean, view.scale)):
            self.register_buffer(name, values)

    def forward(self, raw: Tensor) -> Tensor:
        """Return what the network sees: (B, ...) float32, or (B, L) int64 token ids."""
        if self.view.kind == "text":
            return raw
        values = raw.float()
        if self.mean is not None and self.scale is not None:
            values = (values - self.mean) * self.scale
        frames = self.view.frames(1, values.shape[1])
        if frames is not None:
            values = values[:, frames[0].to(values.device)]
        return replace(self.view, mean=self.view_mean, scale=self.view_scale)(values)


class RawToLogits(nn.Module):
    """A deployed network behind its preprocessing; both stay in evaluation mode."""

    def __init__(self, preprocessing: Preprocessing, network: nn.Module) -> None:
        super().__init__()
        self.preprocessing, self.network = preprocessing, network

    def forward(self, raw: Tensor) -> Tensor:
        """Return logits, (B, C) or (B, C, h, w), from raw samples (B, ...) or token ids (B, L)."""
        logits: Tensor = self.network(self.preprocessing(raw)).logits
        return logits.float()
