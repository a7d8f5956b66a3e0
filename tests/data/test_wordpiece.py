from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from cmkd_bench.data.tokenizers.by_name import tokenizer
from cmkd_bench.data.tokenizers.wordpiece import WordPiece
from cmkd_bench.errors import UnknownName, UserError

TRAIN = ["Floods flooded the city", "the flood, the city!", "a fire in the city", "fires burn; fire burns"]
LEARN = """
import hashlib, random
from cmkd_bench.data.tokenizers.wordpiece import WordPiece
draw = random.Random(0)
syllables = ["ba", "ko", "ri", "tén", "flo", "od", "wa", "ter", "ing", "ed", "中", "ß", "q"]
words = ["".join(draw.choices(syllables, k=draw.randint(1, 4))) for _ in range(400)]
texts = [" ".join(draw.choices(words, k=9)) for _ in range(200)]
learnt = WordPiece.learn(texts, size=300)
print(len(learnt), hashlib.sha256(repr(learnt).encode() + learnt.encode(texts).tobytes()).hexdigest())
"""


def pieces_of(learnt, text):
    return [learnt.pieces[number] for number in learnt.encode([text])[0]]


def test_two_processes_learn_the_same():
    answers = {
        subprocess.run(
            [sys.executable, "-c", LEARN],
            env={**os.environ, "PYTHONHASHSEED": seed, "TOKENIZERS_PARALLELISM": parallel},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, parallel in (("0", "false"), ("1", "true"))
    }
    assert len(answers) == 1
    assert answers.pop().startswith("300 ")


def test_frequent_words_are_pieces_and_padding_is_zero():
    learnt = WordPiece.learn(TRAIN)
    assert learnt.pieces[:4] == ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
    assert list(learnt.pieces[4:]) == sorted(set(learnt.pieces[4:]))
    assert {"city", "the", "fire", "flood"} <= set(learnt.pieces)
    # "fires burn; fire burns" is the longest: [CLS] fire ##s burn ; fire burn ##s [SEP] has nine tokens
    assert pieces_of(learnt, "THE City")[:5] == ["[CLS]", "the", "city", "[SEP]", "[PAD]"]
    assert learnt.encode(["the city"])[0, 4:].tolist() == [0] * (learnt.length - 4)


def test_pieces_put_together_are_the_text():
    learnt = WordPiece.learn(TRAIN)
    for text in TRAIN:
        ids = WordPiece(learnt.pieces, 128).encode([text])[0]
        pieces = [learnt.pieces[number] for number in ids[ids > 0]]
        assert (pieces[0], pieces[-1]) == ("[CLS]", "[SEP]")
        joined = " ".join(pieces[1:-1]).replace(" ##", "")
        assert joined == text.lower().replace(",", " ,").replace("!", " !").replace(";", " ;")


def test_the_order_of_the_texts_changes_nothing():
    assert WordPiece.learn(TRAIN[::-1]) == WordPiece.learn(TRAIN)


def test_an_unseen_character_makes_its_word_unknown_and_no_other():
    learnt = WordPiece.learn(TRAIN)
    assert pieces_of(learnt, "the cityß fire")[:5] == ["[CLS]", "the", "[UNK]", "fire", "[SEP]"]
    assert pieces_of(learnt, "[PAD] the")[1] != "[PAD]", "a text can write padding"


def test_a_long_text_is_cut_and_keeps_its_end():
    learnt = WordPiece.learn(["a b"] * 99 + ["a " * 300])
    assert learnt.length == 4
    assert pieces_of(learnt, "b b a a a") == ["[CLS]", "b", "b", "[SEP]"]
    assert WordPiece.learn(["a " * 300]).length == 128


def test_no_text_is_learnt_from_nothing():
    learnt = WordPiece.learn([])
    assert (len(learnt), learnt.length) == (4, 1)
    assert learnt.encode(["the city"]).shape == (1, 1)
    assert learnt.encode([]).shape == (0, 1)


def test_the_size_is_a_limit():
    assert len(WordPiece.learn(TRAIN * 5, size=60)) <= 60
    assert WordPiece.learn(
        TRAIN
    ).description == f"WordPiece of {len(WordPiece.learn(TRAIN))} pieces, trained on the " + ("training part")


def test_tokenizers_by_kind():
    words, pieces = tokenizer("words", TRAIN), tokenizer("wordpiece", TRAIN)
    assert "characters of the training part" in words.description
    assert pieces == WordPiece.learn(TRAIN)
    for each in (words, pieces):
        ids = each.encode(np.array(TRAIN))
        assert ids.shape == (4, each.length)
        assert ids.dtype == np.int64
        assert ids.max() < len(each)
    with pytest.raises(UnknownName, match=r"unknown tokenizer 'word'.*Did you mean 'words'"):
        tokenizer("word", TRAIN)


def test_a_class_elsewhere_is_a_tokenizer_too():
    assert tokenizer("cmkd_bench.data.tokenizers.wordpiece:WordPiece", TRAIN) == WordPiece.learn(TRAIN)
    for kind in ("no_such_module:WordPiece", "cmkd_bench.data.tokenizers.wordpiece:Nothing"):
        with pytest.raises(UserError, match=f"tokenizer '{kind}' cannot be imported"):
            tokenizer(kind, TRAIN)


def test_a_pretrained_tokenizer_is_read_from_a_folder(tmp_path):
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nfire\nthe\ncity\n##s\n")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}')
    found = tokenizer(f"pretrained:{folder}", ["the fires", "the city"])
    assert (len(found), found.length) == (9, 5)
    assert found.encode(["The fires", "city"]).tolist() == [[2, 6, 5, 8, 3], [2, 7, 3, 0, 0]]
    assert found.encode(["the the the the fire"]).tolist() == [[2, 6, 6, 6, 3]]
    assert "of tiny, 9 pieces, pretrained" in found.description
    assert str(tmp_path) not in found.description


def test_a_folder_without_a_tokenizer_says_what_was_looked_for(tmp_path):
    with pytest.raises(UserError, match=r"no tokenizer in .*: expected tokenizer\.json"):
        tokenizer(f"pretrained:{tmp_path}", ["the"])


def test_the_hub_out_of_reach_is_one_message(monkeypatch, tmp_path):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UserError, match=r"tokenizer of 'some/body' is not available.*model\.pretrained=/path"):
        tokenizer("pretrained:some/body", ["the"])
