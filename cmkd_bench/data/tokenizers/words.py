"""The default tokenizer: words learned only from the training texts, with rare words spelled by characters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cmkd_bench.data.tokenizers.base import length_covering, pad

UNKNOWN, START = 1, 2
_SPECIAL = ("<pad>", "<unk>", "<cls>")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Vocabulary:
    """Ids of words and characters, in the order <pad>, <unk>, <cls>, words, characters."""

    words: tuple[str, ...]  # words with their own id, sorted
    characters: tuple[str, ...]  # characters that spell all other words, sorted
    length: int  # in tokens; covers 95 percent of the training texts, longer ones are truncated

    @classmethod
    def learn(cls, texts: Iterable[str], minimum_count: int = 2) -> Vocabulary:
        """Learn the vocabulary of the training texts.

        Args:
            texts: the texts of the training part, and no others.
            minimum_count: how often a word must occur to get an id; rarer words could not be learned as a whole.
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
        """Return the ids of one text, <cls> first, neither truncated nor padded."""
        ids = [START]
        for word in _words(text):
            if word in self._word_ids:
                ids.append(self._word_ids[word])
            else:
                ids.extend(self._character_ids.get(character, UNKNOWN) for character in word)
        return ids

    def encode(self, texts: Sequence[str] | np.ndarray) -> np.ndarray:
        """Encode texts as (N, length) int64, padded with 0."""
        return pad((self.tokens(str(text)) for text in texts), len(texts), self.length)

    @cached_property
    def _word_ids(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words, len(_SPECIAL))}

    @cached_property
    def _character_ids(self) -> dict[str, int]:
        return {character: number for number, character in enumerate(self.characters, len(_SPECIAL) + len(self.words))}


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
