"""The emojis: variants in one part, texts without the classes' words, pictures over white."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from cmkd_bench.data.loading import prepare
from cmkd_bench.parameters import NoParameters
from cmkd_bench.registry import datasets

KIND = datasets.get("openmoji")
DATA = KIND(NoParameters()).load(0)


def test_there_are_1372_pairs_in_eight_groups() -> None:
    assert DATA.inputs["image"].shape == (1372, 3, 32, 32)
    assert DATA.inputs["image"].dtype == np.uint8
    assert np.bincount(DATA.labels).tolist() == [160, 156, 148, 133, 218, 85, 261, 211]
    assert {part: len(rows) for part, rows in DATA.parts.items()} == {"train": 825, "validation": 136, "test": 411}


def test_drawings_are_over_white_and_in_colour() -> None:
    corners = DATA.inputs["image"][:, :, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners > 250).all((1, 2)).mean() > 0.95
    assert (DATA.inputs["image"].min((1, 2, 3)) < 250).all()
    heart = DATA.inputs["image"][list(DATA.sample_ids).index("u2764")]
    assert (heart[0, 16, 16] > 180) & (heart[1:, 16, 16] < 100).all()


def test_variants_are_in_one_part() -> None:
    assert len(set(DATA.groups.tolist())) == 1229
    part_of = np.full(1372, "", "U10")
    for part, rows in DATA.parts.items():
        part_of[rows] = part
    for pattern, count in [
        (r"^clock face", 24),
        (r"^(heavy black|pink|orange|yellow|green|(light )?blue|purple|brown|black|grey|white) heart", 12),
        (r"^pregnant", 3),
    ]:
        rows = [row for row, text in enumerate(DATA.inputs["text"]) if re.search(pattern, text.split(",")[0])]
        same_class = [row for row in rows if DATA.groups[row] == DATA.groups[rows[0]]]
        assert len(same_class) >= count
        assert len(set(part_of[same_class])) == 1


def test_a_sketch_has_the_lines_of_its_drawing_and_no_color() -> None:
    image, sketch = DATA.inputs["image"].astype(np.int64), DATA.inputs["sketch"].astype(np.int64)
    assert DATA.inputs["sketch"].shape == (1372, 1, 32, 32)
    assert DATA.inputs["sketch"].dtype == np.uint8
    blank = sketch.min((1, 2, 3)) == 255
    assert DATA.sample_ids[blank].tolist() == ["u1f195"]
    heart = list(DATA.sample_ids).index("u2764")
    assert sketch[heart, 0, 16, 16] == 255  # red in the drawing
    # most colors are under the lines, so where a line is black, so is the drawing
    assert np.median(image.max(1, keepdims=True)[sketch < 20]) < 30
    assert 0.05 < (sketch < 128).mean() < 0.15


def test_no_drawing_of_the_test_part_is_nearly_one_of_the_same_class_in_training() -> None:
    flat = DATA.inputs["image"].reshape(1372, -1).astype(np.float64) / 255
    for label in range(8):
        train, test = (rows[DATA.labels[rows] == label] for rows in (DATA.parts["train"], DATA.parts["test"]))
        distance = ((flat[test][:, None] - flat[train][None]) ** 2).mean(2) ** 0.5
        assert distance.min() > 0.0649


def test_three_sketches_of_the_test_part_are_close_to_one_in_training() -> None:
    flat = DATA.inputs["sketch"].reshape(1372, -1).astype(np.float64) / 255
    close = []
    for label in range(8):
        train, test = (rows[DATA.labels[rows] == label] for rows in (DATA.parts["train"], DATA.parts["test"]))
        distance = ((flat[test][:, None] - flat[train][None]) ** 2).mean(2) ** 0.5
        close += DATA.sample_ids[test[distance.min(1) < 0.065]].tolist()
    assert sorted(close) == ["u1f497", "u1f4e4", "u1f628"]


def test_texts_do_not_contain_the_words_of_the_classes() -> None:
    words = set(re.findall("[a-z]+", " ".join(KIND.classes).lower()))
    words |= {word.rstrip("s") for word in words}
    for text in DATA.inputs["text"]:
        assert text
        assert not words & set(re.findall("[a-z]+", text))


@pytest.mark.parametrize(("name", "low", "high"), [("image", 28, 55), ("sketch", 28, 55), ("text", 40, 65)])
def test_a_linear_model_is_well_above_chance(name: str, low: float, high: float, linear_accuracy: Any) -> None:
    prepared = prepare(KIND(NoParameters()), 0, [name])
    inputs = prepared.inputs[name]
    if name == "text":
        inputs = (inputs[:, :, None] == np.arange(3, len(prepared.vocabularies["text"]))).any(1)
    assert low < linear_accuracy(prepared, inputs, penalty=2.0 if name == "text" else 1000.0) < high
