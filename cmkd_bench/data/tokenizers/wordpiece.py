"""A WordPiece vocabulary trained only on the training texts, for encoders that start from random weights."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from cmkd_bench.data.tokenizers.base import LONGEST, length_covering, pad

SIZE = 8000
CHARACTERS = 1000  # the most frequent ones; words with other characters are unknown, as in the library's own trainer
UNKNOWN, START, END = 1, 2, 3
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_INSIDE = "##"  # marks a piece that does not begin a word


@dataclass(frozen=True)
class WordPiece:
    """Ids of pieces of words, after BERT's normalization to lower case."""

    pieces: tuple[str, ...]  # [PAD], [UNK], [CLS], [SEP], then the others, sorted
    length: int  # in tokens, at most 128; covers 95 percent of the training texts, longer ones are truncated

    @classmethod
    def learn(cls, texts: Iterable[str], size: int = SIZE) -> WordPiece:
        """Learn the vocabulary of the training texts.

        Args:
            texts: the texts of the training part, and no others.
            size: the maximum number of pieces; single characters are always kept.
        """
        texts = [str(text) for text in texts]
        learned = cls((*_SPECIAL, *_train(texts, size)), LONGEST)
        lengths = [len(ids) for ids in learned._tokens(texts)]
        return cls(learned.pieces, length_covering(lengths))

    def __len__(self) -> int:
        return len(self.pieces)

    @property
    def description(self) -> str:
        """One line for a run's record."""
        return f"WordPiece of {len(self)} pieces, trained on the training part"

    def encode(self, texts: Sequence[str] | np.ndarray) -> np.ndarray:
        """Encode texts as (N, length) int64: [CLS], the pieces, [SEP], padded with 0."""
        return pad(self._tokens([str(text) for text in texts]), len(texts), self.length)

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text, truncated but not padded."""
        kept = max(self.length - 2, 0)
        return [[START, *encoding.ids[:kept], END][: self.length] for encoding in self._tokenizer.encode_batch(texts)]

    @cached_property
    def _tokenizer(self) -> Any:
        return _tokenizer({piece: number for number, piece in enumerate(self.pieces)})


def _tokenizer(vocabulary: dict[str, int]) -> Any:
    # its threads would not survive the launcher's fork, and each worker would print a warning
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    result = Tokenizer(models.WordPiece(vocabulary, unk_token=_SPECIAL[UNKNOWN]))
    result.normalizer = normalizers.BertNormalizer(lowercase=True)
    result.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return result


def _train(texts: Sequence[str], size: int) -> list[str]:
    """Learn the pieces other than the special ones, sorted.

    The library's trainer numbers the characters inside words in the order of a randomly seeded hash table, and breaks
    ties between equally frequent pairs by these numbers. Passed as special tokens, they are numbered in our order, so
    every process learns the same pieces.
    """
    from tokenizers import trainers

    untrained = _tokenizer({})
    alphabet = _alphabet(untrained, texts)
    characters = [*alphabet, *(_INSIDE + character for character in alphabet)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=[*_SPECIAL, *characters],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        continuing_subword_prefix=_INSIDE,
        show_progress=False,
    )
    untrained.train_from_iterator(texts, trainer)
    return sorted(set(untrained.get_vocab()) - set(_SPECIAL))


def _alphabet(tokenizer: Any, texts: Sequence[str]) -> list[str]:
    """Return the most frequent characters of the normalized words, sorted."""
    counts: Counter[str] = Counter()
    for text in texts:
        words = tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text))
        for word, _ in words:
            counts.update(word)
    by_frequency = sorted(counts, key=lambda character: (-counts[character], character))
    return sorted(by_frequency[:CHARACTERS])
