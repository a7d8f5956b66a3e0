"""The vocabulary knows the training texts and nothing else."""

from __future__ import annotations

from cmkd_bench.data.tokenizers.base import PAD
from cmkd_bench.data.tokenizers.words import START, UNKNOWN, Vocabulary

TRAIN = ["Red heart", "red-heart face", "cab"]
VOCABULARY = Vocabulary.learn(TRAIN)


def test_words_seen_twice_have_an_id_and_all_characters_do() -> None:
    assert VOCABULARY.words == ("heart", "red")
    assert VOCABULARY.characters == tuple("abcdefhrt")
    assert len(VOCABULARY) == 3 + 2 + 9


def test_a_rare_word_is_spelled_and_an_unseen_character_unknown() -> None:
    a, b, c = (5 + "abcdefhrt".index(character) for character in "abc")
    assert VOCABULARY.tokens("RED cab") == [START, 4, c, a, b]
    assert VOCABULARY.tokens("baz") == [START, b, a, UNKNOWN]


def test_texts_are_padded_and_cut_to_the_longest_training_text() -> None:
    assert VOCABULARY.length == 1 + 2 + len("face")
    encoded = VOCABULARY.encode(["red", "cab cab cab"])
    assert encoded.shape == (2, 7)
    assert encoded.dtype == "int64"
    assert encoded[0].tolist() == [START, 4] + [PAD] * 5
    assert PAD not in encoded[1]


def test_the_order_of_the_texts_does_not_matter() -> None:
    assert Vocabulary.learn(TRAIN[::-1]) == VOCABULARY


def test_an_empty_text_is_its_start_token() -> None:
    assert VOCABULARY.tokens(" -_ ") == [START]
    assert Vocabulary.learn([]).length == 1
