"""MFH: salience against every permutation, what is kept, and what its teacher becomes."""

from __future__ import annotations

import itertools

import pytest
import torch

from cmkd_bench.method import Batch
from cmkd_bench.methods.mfh import permuted_distance
from cmkd_bench.outputs import Outputs


@pytest.mark.oracle("mfh", "the salience by running through all 24 permutations of four samples")
def test_salience_is_the_mean_over_every_permutation():
    generator = torch.Generator().manual_seed(0)
    embedding, other = torch.randn(4, 3, generator=generator), torch.randn(4, 2, generator=generator)
    weight = torch.randn(2, 3, generator=generator)
    expected = []
    for channel in range(3):
        distances = []
        for order in itertools.permutations(range(4)):
            permuted = embedding.clone()
            permuted[:, channel] = embedding[list(order), channel]
            distances.append(torch.nn.functional.mse_loss(permuted @ weight.T, other))
        expected.append(torch.stack(distances).mean().item())
    found = permuted_distance(embedding, weight, embedding @ weight.T - other)
    assert found.tolist() == pytest.approx(expected, rel=1e-5)


def measured(toys, **hyperparameters):
    """Two batches of the last joint epoch of a method with 5 teacher channels."""
    method = toys.method("mfh", toys.pair(teacher=5), **hyperparameters)
    for seed in (0, 1):
        method.joint(toys.outputs(seed=seed), toys.outputs(seed=seed + 10), toys.batch(epoch=2, epochs=2))
    return method


def test_salience_is_summed_over_all_batches_of_the_last_joint_epoch_and_of_no_other(toys):
    method = measured(toys)
    expected = torch.zeros(5)
    for seed in (0, 1):
        student, teacher = toys.outputs(seed=seed).embedding, toys.outputs(seed=seed + 10).embedding
        gap = method.teacher_classifier(teacher) - method.student_classifier(student)
        expected += 6 * permuted_distance(teacher, method.teacher_classifier.weight, gap)
    assert method.salience.tolist() == pytest.approx(expected.tolist(), rel=1e-5)
    assert method.seen == 12
    earlier = toys.method("mfh", toys.pair(teacher=5))
    earlier.joint(toys.outputs(), toys.outputs(seed=10), toys.batch(epoch=1, epochs=2))
    assert earlier.seen == 0


@pytest.mark.oracle("mfh", "the kept channels by hand")
def test_the_most_salient_channels_stay_wherever_they_stand(toys):
    method = toys.method("mfh", toys.pair(teacher=5), keep=0.4)
    method.salience.copy_(torch.tensor([0.1, 5.0, 0.2, 0.3, 4.0]))
    assert method.kept().tolist() == [False, True, False, False, True]
    method = toys.method("mfh", toys.pair(teacher=5), keep=0.0)
    method.salience.copy_(torch.tensor([0.1, 0.2, 3.0, 0.3, 0.4]))
    assert method.kept().tolist() == [False, False, True, False, False]


@pytest.mark.oracle("mfh", "the general teacher's logits, whatever the silenced channels say")
def test_silenced_channels_are_their_mean_and_tell_nothing_of_a_sample(toys):
    method = measured(toys, keep=0.4)
    embedding = toys.outputs(seed=3).embedding
    changed = torch.where(method.kept(), embedding, torch.full_like(embedding, 9.0))
    assert torch.equal(method.general_logits(embedding), method.general_logits(changed))
    assert not torch.equal(method.general_logits(embedding), method.general_logits(embedding + method.kept()))
    both = torch.cat([toys.outputs(seed=10).embedding, toys.outputs(seed=11).embedding])
    silenced = torch.where(method.kept(), embedding, both.mean(0))
    expected = silenced @ method.teacher_classifier.weight.T + method.teacher_classifier.bias
    torch.testing.assert_close(method.general_logits(embedding), expected)


@pytest.mark.oracle("mfh", "the mean over samples and classes, written out with torch's log-softmax")
def test_the_loss_of_table_2_is_cross_entropy_plus_torchs_default_divergence(toys):
    method = measured(toys)
    student, teacher = toys.outputs(seed=4), toys.outputs(seed=5)
    losses = method(student, teacher, toys.batch())
    target = method.general_logits(teacher.embedding).softmax(1)
    divergence = (target * (target.log() - student.logits.log_softmax(1))).mean()
    assert losses["distillation"].item() == pytest.approx(divergence.item(), rel=1e-5)
    assert losses["cross_entropy"].item() == pytest.approx(
        torch.nn.functional.cross_entropy(student.logits, toys.batch().labels).item()
    )


@pytest.mark.oracle("mfh", "the channels that both modalities see, which the data are made with")
def test_it_finds_the_channels_that_both_modalities_see(toys):
    """Linear classifiers on 6 features of the teacher, of which the student sees the second and the fifth."""
    generator = torch.Generator().manual_seed(0)
    x1 = torch.randn(200, 6, generator=generator)
    x2 = torch.randn(200, 5, generator=generator)
    x2[:, 0], x2[:, 1] = x1[:, 1], x1[:, 4]
    labels = (x1.sum(1) > 0).long()
    method = toys.method("mfh", toys.pair(student=5, teacher=6, classes=2), keep=0.34)
    optimizer = torch.optim.SGD(method.parameters(), 0.1)
    for epoch in range(1, 301):
        views = [Outputs(torch.zeros(200, 2), view) for view in (x2, x1)]
        losses = method.joint(*views, Batch(torch.arange(200), epoch, 300, labels))
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    assert method.kept().tolist() == [False, True, False, False, True, False]
