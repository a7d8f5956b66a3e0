from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, rel_entr, softmax
from scipy.stats import kendalltau
from torch.nn import functional as F

from cmkd_bench.methods.c2kd import C2KD

MAPS = {0: (4, 3)}
PAIR = {"student_layers": ((4, 3), (5,)), "teacher_layers": ((4, 3), (7,))}
FORMS = {
    "paper": {},
    "official_code": C2KD.presets["official_code"],
    "kept": {"nontarget_reduction": "kept", "krc_threshold": 0.2, "krc_on": "proxy"},
    "weights": {"teacher_weight": 0.5, "student_weight": 2.0, "cross_weight": 3.0, "nontarget": "zeroed"},
}


def kl(target, estimate):
    """Mean over the batch of KL(softmax target || softmax estimate)."""
    return rel_entr(softmax(target, axis=1), softmax(estimate, axis=1)).sum() / len(target)


def cross_entropy(logits, labels):
    return -log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean()


def proxy_logits(proxy, features, leak):
    """Linear without bias, normalisation over the batch, (leaky) ReLU, linear."""
    adapt, _, _, classifier = proxy
    hidden = features @ adapt.weight.detach().numpy().T
    hidden = (hidden - hidden.mean(0)) / np.sqrt(hidden.var(0) + 1e-5)
    hidden = np.where(hidden > 0, hidden, leak * hidden)
    return hidden @ classifier.weight.detach().numpy().T + classifier.bias.detach().numpy()


def tau(a, b, variant):
    if variant == "b":
        return kendalltau(a, b)[0]
    pairs = [(i, j) for i in range(len(a)) for j in range(i)]
    return sum(np.sign(a[i] - a[j]) * np.sign(b[i] - b[j]) for i, j in pairs) / len(pairs)


def nontarget(target, estimate, label, form):
    if form == "renormalized":
        target, estimate = np.delete(target, label), np.delete(estimate, label)
    else:
        target, estimate = target.copy(), estimate.copy()
        target[label] = estimate[label] = 0
    return rel_entr(softmax(target), softmax(estimate)).sum()


def expected_losses(method, student, teacher, labels):
    """The method's terms and keep rate in NumPy, from the equations of the paper and the switches."""
    given = method.hyperparameters
    leak = 0.1 if given.proxy_activation == "leaky_relu" else 0.0
    proxies = []
    for proxy, outputs in ((method.student_proxy, student), (method.teacher_proxy, teacher)):
        pooled = given.proxy_tap == "pooled"
        features = outputs.embedding.numpy() if pooled else outputs.feature_maps[0].numpy().mean(2)
        proxies.append(proxy_logits(proxy, features, leak))
    (p_s, p_t), z_s, z_t = proxies, student.logits.numpy(), teacher.logits.numpy()
    ranked = (z_t, z_s) if given.krc_on == "main" else (p_t, p_s)
    kept = [b for b in range(len(labels)) if tau(ranked[0][b], ranked[1][b], given.krc_variant) > given.krc_threshold]
    cross = sum(
        nontarget(p_t[b], p_s[b], labels[b], given.nontarget) + nontarget(p_s[b], p_t[b], labels[b], given.nontarget)
        for b in kept
    )
    losses = {
        "cross_entropy": cross_entropy(z_s, labels),
        "teacher_cross_entropy": cross_entropy(z_t, labels),
        "teacher_and_proxy": given.teacher_weight * (kl(z_t, p_t) + kl(p_t, z_t)),
        "student_and_proxy": given.student_weight * (kl(z_s, p_s) + kl(p_s, z_s)),
        "cross": given.cross_weight * cross / (len(labels) if given.nontarget_reduction == "batch" else len(kept)),
    }
    return losses, len(kept) / len(labels)


@pytest.mark.oracle("c2kd", "every term and the keep rate in NumPy and SciPy, proxies included, in four forms")
@pytest.mark.parametrize("form", FORMS)
def test_every_term_equals_the_equations(toys, form):
    method = toys.method("c2kd", toys.pair(**PAIR), **FORMS[form]).double()
    student, teacher = (toys.outputs(12, width=width, seed=width, dtype=torch.float64, maps=MAPS) for width in (5, 7))
    batch = toys.batch(12)
    losses = method(student, teacher, batch)
    expected, keep_rate = expected_losses(method, student, teacher, batch.labels.numpy())
    assert {name: value.item() for name, value in losses.items()} == pytest.approx(expected, rel=1e-10)
    assert method.logged["keep_rate"].item() == pytest.approx(keep_rate)
    assert 0 < keep_rate < 1, "the batch should show the selection"


@pytest.mark.oracle("c2kd", "the gradients of the loss without its cross-modal term, where nothing is kept")
def test_a_threshold_of_one_leaves_the_six_other_terms(toys):
    method = toys.method("c2kd", toys.pair(), krc_threshold=1.0)
    gradients = []
    for without in ((), ("cross",)):
        student, teacher = toys.outputs(grad=True), toys.outputs(width=7, seed=1, grad=True)
        losses = method(student, teacher, toys.batch())
        sum(value for name, value in losses.items() if name not in without).backward()
        leaves = [student.logits, student.embedding, teacher.logits, teacher.embedding, *method.parameters()]
        gradients.append([leaf.grad.clone() for leaf in leaves])
        method.zero_grad()
        assert losses["cross"].item() == 0
    assert all(map(torch.equal, *gradients))
    assert method.logged["keep_rate"].item() == 0


@pytest.mark.oracle("c2kd", "5 of 6 samples kept, where one ranking is reversed")
def test_a_threshold_of_minus_one_drops_reversed_rankings_alone(toys):
    student, teacher = toys.outputs(), toys.outputs(width=7, seed=1)
    teacher.logits[2] = -3 * student.logits[2]
    teacher.logits[4] = 0.5 * student.logits[4]
    method = toys.method("c2kd", toys.pair(), krc_threshold=-1.0)
    method(student, teacher, toys.batch())
    assert method.logged["keep_rate"].item() == pytest.approx(5 / 6)


@pytest.mark.parametrize("variant", ["a", "b"])
def test_constant_logits_are_never_kept_by_default(toys, variant):
    student, teacher = toys.outputs(), toys.outputs(width=7)
    teacher.logits.fill_(0.25)
    method = toys.method("c2kd", toys.pair(), krc_variant=variant)
    losses = method(student, teacher, toys.batch())
    assert method.logged["keep_rate"].item() == 0
    assert all(value.isfinite() for value in (*losses.values(), *method.logged.values()))


def test_two_classes_have_a_cross_term_only_in_the_zeroed_form(toys):
    student, teacher = toys.outputs(classes=2), toys.outputs(classes=2, width=7, seed=1)
    cross = {}
    for form in ("renormalized", "zeroed"):
        method = toys.method("c2kd", toys.pair(classes=2), nontarget=form, krc_threshold=-1.0)
        teacher.logits.copy_(student.logits)
        cross[form] = method(student, teacher, toys.batch(classes=2))["cross"].item()
    assert cross["renormalized"] == 0
    assert cross["zeroed"] > 0.01


def test_proxies_have_the_width_of_what_they_read(toys):
    pair = toys.pair(student_layers=((3, 9), (4, 6), (5,)), teacher_layers=((6, 2, 2), (7,)))
    pooled, tapped = (toys.method("c2kd", pair, proxy_tap=tap) for tap in ("pooled", "stage"))
    assert [pooled.student_proxy[0].in_features, pooled.teacher_proxy[0].in_features] == [5, 7]
    assert [tapped.student_proxy[0].in_features, tapped.teacher_proxy[0].in_features] == [4, 6]
    assert (tapped.student_layers(), tapped.teacher_layers()) == ((1,), (0,))
    assert (pooled.student_layers(), pooled.teacher_layers()) == ((), ())


def test_a_tap_below_the_top_needs_two_layers(toys):
    pair = toys.pair(student_layers=((5,),))
    tapped, pooled = (C2KD.HyperParameters(proxy_tap=tap) for tap in ("stage", "pooled"))
    assert "proxy_tap=pooled" in C2KD.unsupported(tapped, pair)
    assert C2KD.unsupported(pooled, pair) is None


def test_one_sample_is_refused(toys):
    with pytest.raises(ValueError, match="at least 2 samples"):
        toys.method("c2kd", toys.pair())(toys.outputs(1), toys.outputs(1, width=7), toys.batch(1))


def test_zero_weights_leave_the_two_cross_entropies(toys):
    method = toys.method("c2kd", toys.pair(), **C2KD.without_distillation)
    student, teacher = toys.outputs(), toys.outputs(width=7, seed=1)
    batch = toys.batch()
    total = sum(method(student, teacher, batch).values())
    expected = F.cross_entropy(student.logits, batch.labels) + F.cross_entropy(teacher.logits, batch.labels)
    assert total.item() == pytest.approx(expected.item(), rel=1e-6)
