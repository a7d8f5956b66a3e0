"""Strong views: disturb what a network sees of a sample, for methods that compare several views of it."""

from __future__ import annotations

import torch
from torch import Tensor

from cmkd_bench.config.augmentation import StrongView
from cmkd_bench.training.device import to_device

NOISY = ("vector", "signal")  # noise on every pixel of a video would take longer than reading it


def disturb(values: Tensor, kind: str, strong: StrongView, generator: torch.Generator) -> Tensor:
    """Scale a batch, add noise to it, and mask a part of each sample; positions stay where they are.

    Masked numbers become 0, the mean. A masked word of a text is replaced by the one before it, because not every
    vocabulary has a token for that. A spectrogram has its own masks (SpecAugment).

    Args:
        values: (B, ...), a training view of a modality.
        kind: kind of the modality.
        strong: how strongly.
        generator: on the CPU.

    Returns:
        A batch of the same shape and type.
    """
    if kind == "text":
        return _repeat_words(values, _shares(values, strong, generator), generator)
    values = values * _scales(values, strong, generator)
    if kind in NOISY:
        noise = torch.randn(values.shape, generator=generator, dtype=values.dtype)
        values = values + strong.noise * to_device(noise, values.device)
    if kind == "spectrogram":
        return values
    hidden = _hidden(values, _shares(values, strong, generator), generator)
    return values.masked_fill(to_device(hidden, values.device), 0.0)


def _scales(values: Tensor, strong: StrongView, generator: torch.Generator) -> Tensor:
    drawn = 1 + strong.scaling * (2 * torch.rand(len(values), generator=generator) - 1)
    return to_device(drawn.to(values.dtype), values.device).view(-1, *[1] * (values.ndim - 1))


def _shares(values: Tensor, strong: StrongView, generator: torch.Generator) -> Tensor:
    """Return the share of each sample that is masked: (B,)."""
    return strong.masked * torch.rand(len(values), generator=generator)


def _hidden(values: Tensor, shares: Tensor, generator: torch.Generator) -> Tensor:
    """Return what is masked: features of a vector (B, D), a stretch of (B, C, T), or a box of (B, ..., H, W)."""
    if values.ndim == 2:
        return torch.rand(values.shape, generator=generator) < shares[:, None]
    if values.ndim == 3:
        return _stretch(values.shape[-1], shares, generator)[:, None, :]
    height, width = (_stretch(length, shares.sqrt(), generator) for length in values.shape[-2:])
    return (height[:, :, None] & width[:, None, :]).view(-1, *[1] * (values.ndim - 3), *values.shape[-2:])


def _stretch(length: int, shares: Tensor, generator: torch.Generator) -> Tensor:
    """Return a random stretch of each sample: (B, length) bool."""
    width = (shares * length).round()
    start = (torch.rand(len(shares), generator=generator) * (length - width + 1)).floor()
    positions = torch.arange(length)
    return (positions >= start[:, None]) & (positions < (start + width)[:, None])


def _repeat_words(tokens: Tensor, shares: Tensor, generator: torch.Generator) -> Tensor:
    masked = to_device(torch.rand(tokens.shape, generator=generator) < shares[:, None], tokens.device)
    before = torch.cat([tokens[:, :1], tokens[:, :-1]], dim=1)
    return torch.where(masked, before, tokens)
