"""Build a tokenizer from the name of its kind."""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence

from cmkd_bench.data.tokenizers.base import Tokenizer
from cmkd_bench.data.tokenizers.pretrained import PretrainedTokenizer
from cmkd_bench.data.tokenizers.wordpiece import WordPiece
from cmkd_bench.data.tokenizers.words import Vocabulary
from cmkd_bench.errors import UnknownName, UserError


def tokenizer(kind: str, training_texts: Sequence[str]) -> Tokenizer:
    """Learn a tokenizer from the training texts.

    Args:
        kind: `words`, `wordpiece`, `pretrained:<name on the hub, or folder>`, or `<module>:<class>` for a class with a
            `learn(texts)` like that of `Vocabulary`.
        training_texts: the texts of the training part, and no others.

    Raises:
        UnknownName: for another kind.
        UserError: if a pretrained tokenizer is not available, or a class cannot be imported.
    """
    if kind == "words":
        return Vocabulary.learn(training_texts)
    if kind == "wordpiece":
        return WordPiece.learn(training_texts)
    name, _, address = kind.partition(":")
    if not address:
        raise UnknownName("tokenizer", kind, ["words", "wordpiece", "pretrained:<name or folder>", "<module>:<class>"])
    if name == "pretrained":
        return PretrainedTokenizer.learn(training_texts, address)
    try:
        learned: Tokenizer = pkgutil.resolve_name(kind).learn(training_texts)
    except (ImportError, AttributeError) as error:
        raise UserError(f"tokenizer '{kind}' cannot be imported: {error}") from error
    return learned
