from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax


def expected(student, teacher, labels, alpha, beta, temperature):
    """Equation 7 of the paper, on probabilities."""
    q, p = (softmax(outputs.logits.numpy() / temperature, axis=1) for outputs in (student, teacher))
    values = []
    for p_row, q_row, label in zip(p, q, labels.tolist(), strict=True):
        p_other, q_other = np.delete(p_row, label), np.delete(q_row, label)
        target = rel_entr([p_row[label], p_other.sum()], [q_row[label], q_other.sum()]).sum()
        others = rel_entr(p_other / p_other.sum(), q_other / q_other.sum()).sum()
        values.append(alpha * target + beta * others)
    return temperature**2 * np.mean(values)


def both(toys, classes=4):
    return (toys.outputs(seed=seed, classes=classes, dtype=torch.float64) for seed in (0, 1))


@pytest.mark.oracle("dkd", "equation 7 in NumPy and SciPy")
@pytest.mark.parametrize("given", [{}, {"alpha": 0.5, "beta": 2.0, "temperature": 1.5}])
def test_equals_equation_seven_after_the_warm_up(toys, given):
    student, teacher = both(toys)
    batch = toys.batch(epoch=240, epochs=240)
    losses = toys.method("dkd", toys.pair(), **given)(student, teacher, batch)
    values = {"alpha": 1.0, "beta": 8.0, "temperature": 4.0, **given}
    assert losses["distillation"].item() == pytest.approx(expected(student, teacher, batch.labels, **values), rel=1e-10)
    log_p = np.log(softmax(student.logits.numpy(), axis=1))
    assert losses["cross_entropy"].item() == pytest.approx(-log_p[range(6), batch.labels].mean(), rel=1e-10)


@pytest.mark.oracle("dkd", "the released code's weights, 1/20 in the first of 240 epochs")
@pytest.mark.parametrize(
    ("share", "epoch", "epochs", "factor"),
    [
        (None, 1, 240, 1 / 20),  # epochs count from 1: the first one distils already
        (None, 10, 240, 0.5),
        (None, 20, 240, 1),
        (None, 21, 240, 1),
        (None, 240, 240, 1),
        (None, 1, 20, 0.6),
        (None, 2, 20, 1),
        (None, 1, 1, 1),
        (0.0, 1, 20, 1),
        (1.0, 1, 20, 0.05),
        (1.0, 20, 20, 1),
    ],
)
def test_the_weight_grows_to_one_during_the_warm_up(toys, share, epoch, epochs, factor):
    student, teacher = both(toys)
    given = {} if share is None else {"warmup_share": share}
    batch = toys.batch(epoch=epoch, epochs=epochs)
    loss = toys.method("dkd", toys.pair(), **given)(student, teacher, batch)["distillation"].item()
    assert loss == pytest.approx(factor * expected(student, teacher, batch.labels, 1, 8, 4), rel=1e-9)


def test_beta_does_nothing_for_two_classes(toys):
    student, teacher = both(toys, classes=2)
    batch = toys.batch(classes=2)
    values = [
        toys.method("dkd", toys.pair(classes=2), beta=beta)(student, teacher, batch)["distillation"].item()
        for beta in (0.0, 8.0)
    ]
    assert values[0] == values[1] > 0
