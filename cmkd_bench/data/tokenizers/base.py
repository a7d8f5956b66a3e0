"""The interface of tokenizers, and the length of their texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

PAD = 0  # the id of the padding token
LONGEST = 128  # maximum number of tokens for tokenizers of word pieces
COVERED = 0.95  # share of the training texts that are not truncated; a few long ones would double the width of a batch


class Tokenizer(Protocol):
    """Turns texts into token ids from 0 to len - 1. A tokenizer learns only from the training part."""

    @property
    def length(self) -> int:
        """The number of tokens of every encoded text."""

    @property
    def description(self) -> str:
        """One line for the record of a run."""

    def __len__(self) -> int:
        """Return the number of token ids."""

    def encode(self, texts: Sequence[str] | np.ndarray) -> np.ndarray:
        """Encode texts as (N, length) int64, truncated or padded."""


def pad(tokens: Iterable[Sequence[int]], samples: int, length: int) -> np.ndarray:
    """Put the token ids of texts into an array (samples, length) int64, truncated or padded with 0."""
    ids = np.full((samples, length), PAD, np.int64)
    for row, text in enumerate(tokens):
        kept = text[:length]
        ids[row, : len(kept)] = kept
    return ids


def length_covering(lengths: Sequence[int]) -> int:
    """Return the shortest length that 95 percent of the texts do not exceed; 1 if there is no text."""
    return int(np.quantile(lengths, COVERED, method="higher")) if lengths else 1
