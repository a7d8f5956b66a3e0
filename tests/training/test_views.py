"""Views against pixels and columns counted by hand."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from cmkd_bench.config.augmentation import NO_AUGMENTATION
from cmkd_bench.training.tensors import Resident
from cmkd_bench.training.views import Box, View, resize, resize_labels


def view(kind: str, mean: float | None = None, deviation: float = 1.0, **changes: object) -> View:
    augmentation = dataclasses.replace(NO_AUGMENTATION, **changes)  # type: ignore[arg-type]
    if mean is None:
        return View(kind, augmentation)
    return View(kind, augmentation, torch.full((1, 1, 1), mean), torch.full((1, 1, 1), 1 / deviation))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def box(height: float, width: float, down: float, right: float, mirrored: bool = False) -> Box:
    return Box(torch.tensor([[height, width]]), torch.tensor([[down, right]]), torch.tensor([mirrored]))


def test_stored_bytes_become_normalised_numbers() -> None:
    stored = torch.tensor([[[[0, 10], [20, 255]]]], dtype=torch.uint8)
    seen = view("image", mean=10.0, deviation=5.0)(stored)
    assert seen.tolist() == [[[[-2.0, 0.0], [2.0, 49.0]]]]


def test_vectors_and_token_ids_are_left_as_they_are() -> None:
    ids = torch.tensor([[5, 0]])
    assert view("text")(ids, seeded()) is ids
    vectors = torch.randn(2, 3)
    assert view("vector", flip=True)(vectors, seeded()) is vectors


def test_a_box_keeps_exactly_its_quarter_of_the_image() -> None:
    image = torch.arange(64.0).view(1, 1, 8, 8)
    assert torch.allclose(resize(image, (4, 4), box(0.5, 0.5, 0.25, 0.75)), image[:, :, :4, 4:], atol=1e-4)
    whole = resize(image, (8, 8), box(1, 1, 0.5, 0.5))
    assert torch.allclose(whole, image, atol=1e-4)


def test_a_mirrored_box_is_the_mirrored_image() -> None:
    image = torch.arange(64.0).view(1, 1, 8, 8)
    assert torch.allclose(resize(image, (8, 8), box(1, 1, 0.5, 0.5, mirrored=True)), image.flip(3), atol=1e-4)
    left = resize(image, (8, 4), box(1, 0.5, 0.5, 0.25, mirrored=True))
    assert torch.allclose(left, image[:, :, :, :4].flip(3), atol=1e-4)


def test_a_crop_is_reduced_with_antialiasing_as_pillow_reduces_it() -> None:
    """Without antialiasing the largest difference is 112."""
    torch.manual_seed(0)
    images = 255 * torch.rand(8, 1, 61, 83)
    drawn = Box.draw(8, dataclasses.replace(NO_AUGMENTATION, crop_scale=0.35, crop_ratio=4 / 3, flip=True), seeded())
    seen = resize(images, (20, 17), drawn)[:, 0].numpy()
    for image, (down, right), (height, width), mirrored, ours in zip(
        images[:, 0].numpy(), drawn.center.tolist(), drawn.size.tolist(), drawn.mirrored.tolist(), seen, strict=True
    ):
        top, left = max(down - height / 2, 0) * 61, max(right - width / 2, 0) * 83
        corners = (left, top, min(left + width * 83, 83), min(top + height * 61, 61))
        expected = np.asarray(Image.fromarray(image).resize((17, 20), Image.Resampling.BILINEAR, box=corners))
        np.testing.assert_allclose(ours, expected[:, ::-1] if mirrored else expected, atol=0.01)
    assert 0 < drawn.mirrored.sum() < 8


def test_a_crop_of_the_whole_image_is_what_evaluation_sees() -> None:
    torch.manual_seed(0)
    image = torch.rand(1, 3, 48, 40)
    assert torch.allclose(resize(image, (16, 15), box(1, 1, 0.5, 0.5)), resize(image, (16, 15)), atol=1e-5)
    checkerboard = (torch.arange(48)[:, None] + torch.arange(48)) % 2
    reduced = resize(checkerboard[None, None].float(), (16, 16), box(1, 1, 0.5, 0.5))
    assert (reduced - 0.5).abs().max() < 0.15  # every third pixel of it would be 0 or 1


def test_label_maps_follow_the_crop_of_their_image() -> None:
    torch.manual_seed(0)
    labels = torch.randint(200, (16, 12, 12), dtype=torch.uint8)
    given = dataclasses.replace(NO_AUGMENTATION, crop_scale=0.3, crop_ratio=1.3, flip=True)
    drawn = Box.draw(16, given, seeded())
    # 24 x 24 of equal squares of 2 x 2, so that interpolation between equal pixels changes nothing inside a square
    large = labels.repeat_interleave(2, 1).repeat_interleave(2, 2)
    image = resize(large[:, None].float(), (40, 40), drawn)[:, 0]
    mapped = resize_labels(large, (40, 40), drawn)
    exact = (image == image.round()) & (image == mapped)
    assert exact.float().mean() > 0.2  # far from the border of a square both agree exactly
    assert (mapped >= 0).all()
    assert (mapped < 200).all()
    other = Box.draw(16, given, seeded(1))
    assert ((resize_labels(large, (40, 40), other) == image).float().mean()) < 0.1


def test_labels_shrink_to_the_nearest_pixel_and_are_never_mixed() -> None:
    labels = torch.tensor([[[0, 0, 255, 255], [0, 0, 255, 255], [7, 7, 3, 3], [7, 7, 3, 3]]], dtype=torch.uint8)
    assert resize_labels(labels, (2, 2)).tolist() == [[[0, 255], [7, 3]]]


def test_boxes_stay_within_the_image_and_keep_their_share_of_it() -> None:
    given = dataclasses.replace(NO_AUGMENTATION, crop_scale=0.25, crop_ratio=4 / 3, flip=True)
    drawn = Box.draw(4000, given, seeded())
    assert ((drawn.center - drawn.size / 2) >= -1e-6).all()
    assert ((drawn.center + drawn.size / 2) <= 1 + 1e-6).all()
    area, ratio = drawn.size.prod(1), drawn.size[:, 1] / drawn.size[:, 0]
    # where a side is cut at the image's border the area is smaller than drawn
    assert area.min() >= 0.25 * 3 / 4
    assert area.max() <= 1
    assert ratio.max() <= 4 / 3 + 1e-5
    assert ratio.min() >= 3 / 4 - 1e-5
    assert 0.45 < drawn.mirrored.float().mean() < 0.55


def test_the_frames_of_a_video_have_one_crop() -> None:
    stored = torch.randint(256, (3, 1, 3, 16, 16), dtype=torch.uint8).expand(3, 4, 3, 16, 16)
    seen = view("video", crop_scale=0.3, flip=True, height=8, width=8)(stored, seeded())
    assert seen.shape == (3, 4, 3, 8, 8)
    assert torch.equal(seen[:, 0], seen[:, 3])
    assert not torch.equal(seen[0], seen[1])


def test_evaluation_sees_evenly_spaced_frames_and_training_ordered_ones() -> None:
    stored = torch.arange(10, dtype=torch.uint8).view(1, 10, 1, 1, 1).repeat(5, 1, 3, 2, 2)
    three, inputs, rows = view("video", frames=3), Resident(stored), torch.arange(5)
    evaluated = three(inputs.stored(rows, three.frames(5, 10)))
    assert evaluated[:, :, 0, 0, 0].tolist() == [[1.0, 5.0, 8.0]] * 5
    drawn = three(inputs.stored(rows, three.frames(5, 10, seeded())))[:, :, 0, 0, 0]
    assert (drawn.diff(dim=1) > 0).all()
    assert len({tuple(row) for row in drawn.tolist()}) > 1
    assert view("video").frames(5, 10) is None
    assert three.shape((10, 3, 2, 2)) == (3, 3, 2, 2)
    assert view("video", frames=20).shape((10, 3, 2, 2)) == (10, 3, 2, 2)


def test_a_spectrogram_is_cut_in_the_middle_or_at_random_but_in_one_piece() -> None:
    stored = torch.arange(20.0).expand(6, 1, 3, 20)
    cut = view("spectrogram", columns=8)
    assert cut(stored)[0, 0, 2].tolist() == list(range(6, 14))
    drawn = cut(stored, seeded())[:, 0, 0]
    assert (drawn.diff(dim=1) == 1).all()
    assert len(set(drawn[:, 0].tolist())) > 1
    assert cut.shape((1, 3, 20)) == (1, 3, 8)
    assert view("spectrogram", columns=50)(stored).shape == (6, 1, 3, 20)


@pytest.mark.parametrize(
    ("settings", "axis"),
    [({"time_masks": 1, "time_mask_columns": 6}, 2), ({"frequency_masks": 1, "frequency_mask_bins": 6}, 1)],
)
def test_a_mask_hides_one_stretch_and_nothing_else(settings: dict[str, int], axis: int) -> None:
    stored = torch.rand(200, 1, 15, 20) + 1
    seen = view("spectrogram", **settings)(stored, seeded())
    hidden = (seen == 0)[:, 0]
    lines = hidden.all(dim=3 - axis)
    assert torch.equal(lines.unsqueeze(3 - axis).expand_as(hidden), hidden)  # whole lines only
    assert torch.equal(seen[:, 0][~hidden], stored[:, 0][~hidden])
    widths = lines.sum(1)
    assert widths.min() == 0
    assert widths.max() == 6
    edges = lines.int().diff(dim=1).abs().sum(1)
    assert edges.max() <= 2  # one piece


def test_an_unknown_depth_is_the_mean() -> None:
    stored = torch.tensor([[[[0, 1000], [2000, 3000]]]], dtype=torch.int16)
    assert view("depth", mean=2000.0, deviation=500.0)(stored).tolist() == [[[[0.0, -2.0], [0.0, 2.0]]]]


def test_a_view_depends_on_its_generator_alone() -> None:
    stored = torch.randint(256, (4, 3, 20, 20), dtype=torch.uint8)
    looked = view("image", crop_scale=0.2, flip=True, height=10, width=12)
    torch.manual_seed(0)
    first = looked(stored, seeded(3))
    torch.manual_seed(1)
    assert torch.equal(first, looked(stored, seeded(3)))
    assert not torch.equal(first, looked(stored, seeded(4)))
    assert first.shape == (4, 3, 10, 12)
    assert torch.equal(looked(stored), looked(stored))


def test_evaluation_resizes_the_whole_image() -> None:
    gradient = torch.arange(8.0).view(1, 1, 1, 8).expand(1, 1, 8, 8)
    seen: Tensor = view("image", height=4, width=4)(gradient)
    assert math.isclose(float(seen.mean()), 3.5, abs_tol=1e-5)
    assert (seen[0, 0, 0].diff() > 1).all()
