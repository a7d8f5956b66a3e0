"""Further views of a sample: what they are, that they depend on the seed alone, and that they leave no traces."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from test_batches import AUGMENTED, CPU, ROWS, Shown, arrays, mapped, resident
from torch import nn

from cmkd_bench.config.augmentation import NO_AUGMENTATION, StrongView, read_views, view_settings
from cmkd_bench.declaration import ViewKind
from cmkd_bench.network import Features, Network
from cmkd_bench.testing._tiny import STRONG as TINY
from cmkd_bench.training.batches import Batches, BatchInputs
from cmkd_bench.training.further_views import pass_without_traces
from cmkd_bench.training.pairing import Pairing
from cmkd_bench.training.strong_views import disturb
from cmkd_bench.training.tensors import Inputs, Part, Resident
from cmkd_bench.training.views import View

NOTHING = dataclasses.replace(TINY, noise=0.0, scaling=0.0, masked=0.0)
STRONG = dataclasses.replace(NOTHING, noise=0.5, scaling=0.2, masked=0.4, crop_scale=0.5)
SHAPES = {
    "vector": (9,),
    "signal": (2, 30),
    "image": (3, 8, 8),
    "depth": (1, 8, 8),
    "video": (2, 3, 8, 8),
    "spectrogram": (1, 5, 9),
}


def part(inputs: dict[str, Inputs], strong: StrongView = STRONG, targets: Inputs | None = None) -> Part:
    views = {"image": View("image", AUGMENTED, strong=strong), "audio": View("spectrogram", AUGMENTED, strong=strong)}
    return Part(inputs, torch.zeros(len(ROWS), dtype=torch.int64), views, targets)


def batches(train: Part, *further: ViewKind, seed: int = 0, epoch: int = 1, read: bool = True) -> list[BatchInputs]:
    found = Batches(train, "image", Shown(), Pairing(), 3, seed, CPU, further)
    return list(found.epoch("train", epoch, read))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_training_view_is_the_same_with_and_without_further_views():
    for alone, first in zip(batches(part(resident())), batches(part(resident()), "strong", "weak"), strict=True):
        assert torch.equal(alone.student, first.student)
        assert torch.equal(alone.teacher, first.teacher)
        assert (len(alone.further), len(first.further)) == (0, 2)


def test_a_phase_may_read_no_further_view():
    assert not any(seen.further for seen in batches(part(resident()), "strong", read=False))


@pytest.mark.parametrize("kind", ["weak", "strong"])
def test_further_views_depend_on_seed_and_epoch_alone(tmp_path, kind):
    from_disk = {name: mapped(tmp_path, name, values) for name, values in arrays().items()}  # read by threads
    one, other = batches(part(resident()), kind), batches(part(from_disk), kind)
    for ours, theirs in zip(one, other, strict=True):
        for mine, yours in zip(ours.further[0], theirs.further[0], strict=True):
            assert torch.equal(mine, yours)
    for changed in (batches(part(resident()), kind, seed=1), batches(part(resident()), kind, epoch=2)):
        assert not torch.equal(one[0].further[0][0], changed[0].further[0][0])


def test_each_view_is_drawn_by_itself():
    seen = batches(part(resident()), "weak", "weak")[0]
    images = [seen.student, *(student for student, _ in seen.further)]
    assert not any(torch.equal(images[i], images[j]) for i in range(3) for j in range(i))


def test_views_of_segmentation_have_one_crop():
    # the values of an image are its label maps, so equal crops show equal images
    still = dataclasses.replace(STRONG, scaling=0.0, masked=0.0)
    train = part(resident(), still, Resident(torch.from_numpy(arrays()["targets"][ROWS])))
    for seen in batches(train, "weak", "strong"):
        assert all(torch.equal(seen.student, student) for student, _ in seen.further)
    moved = part(resident(), STRONG, train.targets)
    assert not torch.equal(*(one.further[0][0] for one in (batches(train, "strong")[0], batches(moved, "strong")[0])))


@pytest.mark.parametrize("kind", SHAPES)
def test_a_strong_view_without_strength_is_the_training_view(kind):
    values = torch.randn(4, *SHAPES[kind], generator=generator())
    assert torch.equal(disturb(values, kind, NOTHING, generator()), values)


@pytest.mark.parametrize("kind", SHAPES)
def test_scaling_keeps_the_proportions_of_a_sample(kind):
    values = torch.randn(500, *SHAPES[kind], generator=generator())
    factors = disturb(values, kind, dataclasses.replace(NOTHING, scaling=0.25), generator()) / values
    of_sample = factors.flatten(1)
    torch.testing.assert_close(of_sample, of_sample[:, :1].expand_as(of_sample), rtol=1e-4, atol=1e-6)
    assert 0.75 <= of_sample.min() < 0.77
    assert 1.23 < of_sample.max() <= 1.25 + 1e-6


@pytest.mark.parametrize("kind", ["vector", "signal"])
def test_noise_has_its_standard_deviation(kind):
    values = torch.zeros(2000, *SHAPES[kind])
    noise = disturb(values, kind, dataclasses.replace(NOTHING, noise=0.3), generator())
    assert noise.std().item() == pytest.approx(0.3, rel=0.02)
    assert noise.mean().item() == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("kind", ["image", "video", "depth", "spectrogram"])
def test_pictures_have_no_noise(kind):
    values = torch.randn(4, *SHAPES[kind], generator=generator())
    assert torch.equal(disturb(values, kind, dataclasses.replace(NOTHING, noise=0.3), generator()), values)


@pytest.mark.parametrize("kind", ["vector", "signal", "image", "video"])
def test_at_most_the_given_share_is_masked(kind):
    values = torch.ones(2000, *SHAPES[kind])
    kept = disturb(values, kind, dataclasses.replace(NOTHING, masked=0.4), generator())
    assert set(kept.unique().tolist()) == {0.0, 1.0}
    # the share of a sample is uniform up to 0.4; that of a box is rounded to whole pixels on each side
    assert 1 - kept.mean().item() == pytest.approx(0.2, abs=0.02)
    assert kept.flatten(1).mean(1).max() == 1.0


def test_a_signal_is_masked_in_one_stretch_of_all_channels():
    kept = disturb(torch.ones(50, 2, 30), "signal", dataclasses.replace(NOTHING, masked=0.4), generator())
    assert torch.equal(kept[:, 0], kept[:, 1])
    edges = (kept[:, 0].diff(dim=1) != 0).sum(1)
    assert edges.max() == 2
    assert (kept[:, 0] == 0).sum(1).max() <= 12


def test_a_masked_word_is_replaced_by_the_one_before():
    tokens = torch.arange(1, 13).repeat(300, 1)
    seen = disturb(tokens, "text", dataclasses.replace(STRONG, masked=0.5), generator())
    assert seen.dtype == torch.int64
    assert set((tokens - seen).unique().tolist()) == {0, 1}
    assert torch.equal(seen[:, 0], tokens[:, 0])
    assert (tokens != seen).float().mean().item() == pytest.approx(0.25 * 11 / 12, abs=0.03)


class Counted(Network):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.head = nn.BatchNorm1d(4), nn.Linear(4, 3)

    def features(self, inputs: torch.Tensor) -> Features:
        return Features(self.norm(inputs), ())


def test_a_further_view_moves_no_running_statistics():
    network, values = Counted(), torch.randn(8, 4, generator=generator()) + 3
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    outputs = pass_without_traces(network, values, ())
    assert all(torch.equal(buffer, before[name]) for name, buffer in network.named_buffers())
    torch.testing.assert_close(outputs.embedding.mean(0), torch.zeros(4), atol=1e-6, rtol=0)  # the batch's statistics
    outputs.logits.sum().backward()
    assert network.head.weight.grad is not None


def test_the_settings_of_views_are_read_back():
    assert read_views(view_settings(NO_AUGMENTATION, STRONG).items()) == (NO_AUGMENTATION, STRONG)
    assert read_views(view_settings(NO_AUGMENTATION, None).items()) == (NO_AUGMENTATION, None)
