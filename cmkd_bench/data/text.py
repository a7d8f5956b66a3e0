"""Tokenizers by name, and the default: words learnt from the training texts alone, with spelling for rare ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from cmkd_bench.errors import UnknownName

PAD, UNKNOWN, START = 0, 1, 2
COVERED = 0.95  # of the training texts are not cut; a few long ones would make every batch twice as wide
_SPECIAL = ("<pad>", "<unk>", "<cls>")
_WORD = re.compile(r"[^\W_]+")


class Tokenizer(Protocol):
    """What turns texts into token ids, 0 to len-1. What it learns, it learns from the training part alone."""

    @property
    def length(self) -> int:
        """In tokens, of every encoded text."""

    @property
    def description(self) -> str:
        """One line for a run's record."""

    def __len__(self) -> int:
        """How many token ids there are."""

    def encode(self, texts: Sequence[str] | np.ndarray) -> np.ndarray:
        """The texts as (N, length) int64, cut or padded."""


def tokenizer(kind: str, training_texts: Sequence[str]) -> Tokenizer:
    """The tokenizer of that kind.

    Args:
        kind: `words`, `wordpiece`, or `pretrained:<name on the hub, or folder>`.
        training_texts: of the training part and no other.

    Raises:
        UnknownName: for another kind.
        UserError: if a pretrained one cannot be had.
    """
    name, _, address = kind.partition(":")
    if kind == "words":
        return Vocabulary.learn(training_texts)
    if kind == "wordpiece":
        from cmkd_bench.data.wordpiece import WordPiece

        return WordPiece.learn(training_texts)
    if name == "pretrained" and address:
        from cmkd_bench.data.pretrained_tokenizer import PretrainedTokenizer

        return PretrainedTokenizer.learn(training_texts, address)
    raise UnknownName("tokenizer", kind, ["words", "wordpiece", "pretrained:<name or folder>"])


def length_covering(lengths: Sequence[int]) -> int:
    """The least length that 95 percent of the texts do not exceed; 1 where there is no text."""
    return int(np.quantile(lengths, COVERED, method="higher")) if lengths else 1


@dataclass(frozen=True)
class Vocabulary:
    """Which word and which character has which id; ids follow the order <pad>, <unk>, <cls>, words, characters.

    Attributes:
        words: that have an id of their own, sorted.
        characters: with which every other word is spelled, sorted.
        length: in tokens; 95 percent of the training texts are not longer, the rest is cut.
    """

    words: tuple[str, ...]
    characters: tuple[str, ...]
    length: int

    @classmethod
    def learn(cls, texts: Iterable[str], minimum_count: int = 2) -> Vocabulary:
        """The vocabulary of the training texts.

        Args:
            texts: of the training part and no other.
            minimum_count: how often a word must occur to get an id; rarer words could not be learnt as a whole.
        """
        split = [_words(text) for text in texts]
        counts = Counter(word for words in split for word in words)
        kept = tuple(sorted(word for word, count in counts.items() if count >= minimum_count))
        vocabulary = cls(words=kept, characters=tuple(sorted(set("".join(counts)))), length=0)
        lengths = [len(vocabulary.tokens(" ".join(words))) for words in split]
        return cls(vocabulary.words, vocabulary.characters, length_covering(lengths))

    def __len__(self) -> int:
        return len(_SPECIAL) + len(self.words) + len(self.characters)

    @property
    def description(self) -> str:
        """One line for a run's record."""
        return f"{len(self.words)} words and {len(self.characters)} characters of the training part"

    def tokens(self, text: str) -> list[int]:
        """The ids of one text, <cls> first, neither cut nor padded."""
        ids = [START]
        for word in _words(text):
            if word in self._word_ids:
                ids.append(self._word_ids[word])
            else:
                ids.extend(self._character_ids.get(character, UNKNOWN) for character in word)
        return ids

    def encode(self, texts: Sequence[str] | np.ndarray) -> np.ndarray:
        """The texts as (N, length) int64, padded with 0."""
        ids = np.full((len(texts), self.length), PAD, np.int64)
        for row, text in enumerate(texts):
            tokens = self.tokens(str(text))[: self.length]
            ids[row, : len(tokens)] = tokens
        return ids

    @cached_property
    def _word_ids(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words, len(_SPECIAL))}

    @cached_property
    def _character_ids(self) -> dict[str, int]:
        return {character: number for number, character in enumerate(self.characters, len(_SPECIAL) + len(self.words))}


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
