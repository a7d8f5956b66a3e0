"""What batches are made of where labels or pairs are scarce; with all of them, nothing changes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from cmkd_bench.training.composition import kinds_of
from cmkd_bench.training.seeding import derive_seed


def rows_of(labelled: Tensor, paired: Tensor, size: int, epoch: int = 1) -> Tensor:
    steps = len(labelled) // size
    return torch.cat([kind.batches(steps, 7, "train", epoch) for kind in kinds_of(labelled, paired, size)], dim=1)


def some(samples: int, count: int, stride: int = 7) -> Tensor:
    chosen = torch.zeros(samples, dtype=torch.bool)
    chosen[(torch.arange(count) * stride) % samples] = True
    assert chosen.sum() == count
    return chosen


def test_with_all_labels_and_pairs_it_is_one_permutation() -> None:
    every = torch.ones(1205, dtype=torch.bool)
    generator = torch.Generator().manual_seed(derive_seed(7, "order", "train", 3))
    expected = torch.randperm(1205, generator=generator)[: 18 * 64].view(18, 64)
    assert torch.equal(rows_of(every, every, 64, epoch=3), expected)


@pytest.mark.parametrize(("labelled", "quota"), [(60, 16), (10, 16), (600, 32), (1199, 63), (1, 16)])
def test_every_batch_has_the_share_of_labels_and_at_least_a_quarter(labelled: int, quota: int) -> None:
    known, every = some(1200, labelled), torch.ones(1200, dtype=torch.bool)
    rows = rows_of(known, every, 64)
    assert rows.shape == (18, 64)
    assert known[rows].sum(1).tolist() == [quota] * 18


def test_samples_repeat_in_a_batch_only_if_there_are_too_few() -> None:
    every = torch.ones(1200, dtype=torch.bool)
    assert all(len(set(batch.tolist())) == 64 for batch in rows_of(some(1200, 60), every, 64))
    few = some(1200, 10)
    for batch in rows_of(few, every, 64):
        assert batch[few[batch]].unique().tolist() == few.nonzero().squeeze(1).tolist()
        assert batch[few[batch]].bincount().max() == 2  # 16 places for 10 samples


def test_labelled_samples_are_seen_equally_often() -> None:
    known = some(1200, 64)
    rows = rows_of(known, torch.ones(1200, dtype=torch.bool), 64)
    seen = rows[known[rows]].bincount(minlength=1200)[known]
    assert seen.min() >= 4  # 18 batches of 16 are 4.5 passes
    assert seen.max() <= 5


def test_pairs_have_their_share_among_labelled_and_unlabelled_samples() -> None:
    known, paired = some(1200, 120), some(1200, 600, stride=11)
    for batch in rows_of(known, paired, 64):
        assert known[batch].sum() == 16
        share = int((known & paired).sum()) / 120
        assert int((known & paired)[batch].sum()) == int(16 * share + 0.5)
        assert abs(int(paired[batch].sum()) - 32) <= 2
    assert (some(1200, 60, 11)[rows_of(known, some(1200, 60, 11), 64)].sum(1) >= 16).all()


def test_a_kind_without_samples_is_left_out() -> None:
    known = some(20, 5)
    assert all(paired.sum() == 0 for paired in known[rows_of(known, torch.zeros(20, dtype=torch.bool), 4)][:, 1:])
