"""A word vocabulary learnt from the training texts alone, with spelling for rare words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

PAD, UNKNOWN, START = 0, 1, 2
COVERED = 0.95  # of the training texts are not cut; a few long ones would make every batch twice as wide
_SPECIAL = ("<pad>", "<unk>", "<cls>")
_WORD = re.compile(r"[^\W_]+")


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
        length = int(np.quantile(lengths, COVERED, method="higher")) if lengths else 1
        return cls(vocabulary.words, vocabulary.characters, length)

    def __len__(self) -> int:
        return len(_SPECIAL) + len(self.words) + len(self.characters)

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
