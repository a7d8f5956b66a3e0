"""The tokenizer of a pretrained encoder, from the hub or a folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from cmkd_bench.data.tokenizers.base import LONGEST, length_covering
from cmkd_bench.errors import UserError

_FILES = ("tokenizer.json", "vocab.txt", "vocab.json")


@dataclass(frozen=True)
class PretrainedTokenizer:
    """A tokenizer of the transformers library; only the length is learned here."""

    address: str  # its name on the hub, or the path of a folder
    length: int = LONGEST  # in tokens, at most 128; covers 95 percent of the training texts, longer ones are truncated

    @classmethod
    def learn(cls, texts: Iterable[str], address: str) -> PretrainedTokenizer:
        """Learn the length from the training texts.

        Args:
            texts: the texts of the training part, and no others.
            address: its name on the hub, or the path of a folder.

        Raises:
            UserError: if it is not available.
        """
        full = cls(address)
        encoded = full.encode([str(text) for text in texts])
        return cls(address, length_covering((encoded != full._tokenizer.pad_token_id).sum(1).tolist()))

    def __len__(self) -> int:
        return len(self._tokenizer)

    @property
    def description(self) -> str:
        """One line for a run's record, with only the last part of a folder's path."""
        return f"{type(self._tokenizer).__name__} of {Path(self.address).name}, {len(self)} pieces, pretrained"

    def encode(self, texts: Sequence[str] | np.ndarray) -> np.ndarray:
        """Encode texts as (N, length) int64 with the tokenizer's own special tokens and padding."""
        if not len(texts):
            return np.empty((0, self.length), np.int64)
        encoded = self._tokenizer(
            [str(text) for text in texts],
            padding="max_length",
            truncation=True,
            max_length=self.length,
            return_tensors="np",
        )
        return np.asarray(encoded["input_ids"], np.int64)

    @cached_property
    def _tokenizer(self) -> Any:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # its threads would not survive the launcher's fork
        from transformers import AutoTokenizer

        folder = Path(self.address)
        if folder.is_dir() and not any((folder / name).is_file() for name in _FILES):
            raise UserError(f"no tokenizer in {folder}: expected {', '.join(_FILES[:-1])} or {_FILES[-1]}.")
        try:
            found = AutoTokenizer.from_pretrained(self.address)
        except Exception as error:  # whatever the hub's client raises
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise UserError(
                f"the tokenizer of '{self.address}' is not available ({reason}). Use a local copy, "
                "model.pretrained=/path/to/folder with tokenizer.json or vocab.txt next to the weights, or start from "
                "random weights and a vocabulary of the training part, model.pretrained=false."
            ) from error
        if found.pad_token_id is None:
            raise UserError(f"the tokenizer of '{self.address}' has no padding token, and batches of texts need one.")
        found.padding_side = "right"
        return found
