"""The audio spectrogram transformer (Gong et al., Interspeech 2021)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cmkd_bench.network import Features, InputShape, Network
from cmkd_bench.networks.families._encoder import load_encoder

SPECIAL = 2  # tokens before the patches: class and distillation
INITIAL_DEVIATION = 0.02


class SpectrogramTransformer(Network):
    """AST and a fresh linear head on the mean of its class and distillation tokens, which is AST's own embedding.

    The feature maps are the patches of each layer, (B, D, f, t), without these two tokens. Pretrained position
    embeddings are fitted to another size of input as AST's authors do it: cut if it is smaller, interpolated if it is
    larger.
    """

    def __init__(self, encoder: Any, grid: tuple[int, int], classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.grid = grid
        self.head = nn.Linear(encoder.config.hidden_size, classes)

    @classmethod
    def build(
        cls, model: str, inputs: InputShape, classes: int, pretrained: str, weights: Path | None
    ) -> SpectrogramTransformer:
        """Build it for a spectrogram (1, frequencies, columns).

        Raises:
            ValueError: for another encoder than AST, or inputs smaller than a patch.
        """

        def adapt(config: Any) -> None:
            _check(config, inputs)
            config.num_mel_bins, config.max_length = inputs.shape[1:]

        encoder = load_encoder(model, pretrained, weights, adapt)
        config = encoder.config
        _check(config, inputs)
        pretrained_grid = _grid(config, config.num_mel_bins, config.max_length)
        grid = _grid(config, *inputs.shape[1:])
        if pretrained:
            _fit(encoder.embeddings, pretrained_grid, grid)
        else:
            _initialize(encoder.embeddings)
        return cls(encoder, grid, classes)

    def features(self, inputs: Tensor) -> Features:
        """Compute the features of (B, 1, F, T)."""
        outputs = self.encoder(inputs.squeeze(1).transpose(1, 2), output_hidden_states=True)
        maps = [layer[:, SPECIAL:].transpose(1, 2).unflatten(2, self.grid) for layer in outputs.hidden_states[1:]]
        return Features(outputs.pooler_output, maps)


def _check(config: Any, inputs: InputShape) -> None:
    if config.model_type != "audio-spectrogram-transformer":
        raise ValueError(f"expected an audio spectrogram transformer for spectrograms, got {config.model_type}")
    if len(inputs.shape) != 3 or inputs.shape[0] != 1 or min(inputs.shape[1:]) < config.patch_size:
        raise ValueError(f"expected one channel of at least {config.patch_size} frequencies and columns")


def _grid(config: Any, frequencies: int, columns: int) -> tuple[int, int]:
    """Return the number of patches along frequency and time."""
    return (
        (frequencies - config.patch_size) // config.frequency_stride + 1,
        (columns - config.patch_size) // config.time_stride + 1,
    )


def _initialize(embeddings: Any) -> None:
    """Initialize as the authors' code does; zeros would keep the two special tokens equal forever."""
    for parameter in (embeddings.cls_token, embeddings.distillation_token, embeddings.position_embeddings):
        nn.init.trunc_normal_(parameter, std=INITIAL_DEVIATION)


@torch.no_grad()
def _fit(embeddings: Any, old: tuple[int, int], new: tuple[int, int]) -> None:
    """Fit the position embeddings, (1, 2 + f t, D), to another grid of patches."""
    special, patches = embeddings.position_embeddings.split([SPECIAL, old[0] * old[1]], dim=1)
    maps = patches.transpose(1, 2).unflatten(2, old)
    for axis, (before, after) in enumerate(zip(old, new, strict=True), 2):
        if after <= before:
            maps = maps.narrow(axis, (before - after) // 2, after)
    maps = maps if maps.shape[2:] == new else F.interpolate(maps, new, mode="bilinear", align_corners=False)
    fitted = torch.cat([special, maps.flatten(2).transpose(1, 2)], dim=1)
    embeddings.position_embeddings = nn.Parameter(fitted.contiguous())
