"""Kendall's tau, CRD's and C2KD's losses on the card against their eager forms, as released code has them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks import crd_loss
from benchmarks.crd_loss import BANK, BATCH, NEGATIVES, TEMPERATURE, WIDTH, gathered_rows, one_product, step
from benchmarks.gpu._part import Part, run_part
from benchmarks.gpu._timing import by_turns
from benchmarks.kendall_tau import CLASSES, scipy_loop
from cmkd_bench.losses import crd_normalizer, kendall_tau, negative_counts
from cmkd_bench.method import Batch, NetworkShape, Pair
from cmkd_bench.outputs import Outputs
from cmkd_bench.registry import methods

ROUNDS = 9


def main(part: Part) -> None:
    """Each loss by itself; one that fails leaves the others."""
    for classes in CLASSES:
        with part.attempt(f"Kendall's tau of {classes} classes"):
            _kendall(part, classes)
    for count in NEGATIVES[:1] if part.is_small else NEGATIVES:
        with part.attempt(f"CRD with {count} negatives"):
            _crd(part, count)
    for classes in CLASSES[:2] if part.is_small else CLASSES:
        with part.attempt(f"C2KD of {classes} classes"):
            _c2kd(part, classes)


def _kendall(part: Part, classes: int) -> None:
    a, b = torch.randn((2, BATCH, classes), generator=torch.Generator().manual_seed(classes)).to(part.device)
    torch.testing.assert_close(kendall_tau(a, b), scipy_loop(a.cpu(), b.cpu()).to(part.device), rtol=0, atol=1e-12)
    functions: dict[str, Callable[[], object]] = {
        "eager: SciPy, row by row": lambda: scipy_loop(a.cpu(), b.cpu()),
        "all pairs at once": lambda: _all_pairs(a, b),
        "ours": lambda: kendall_tau(a, b),
    }
    _report(part, "Kendall's tau-b, forward", functions, classes=classes)


def _all_pairs(a: Tensor, b: Tensor) -> Tensor:
    """The plain formula, without ties."""
    signs = [(one[:, :, None] - one[:, None, :]).sign() for one in (a, b)]
    return (signs[0] * signs[1]).sum((1, 2)) / (a.shape[1] * (a.shape[1] - 1))


def _crd(part: Part, count: int) -> None:
    generator = torch.Generator().manual_seed(count)
    embedding = F.normalize(torch.randn((BATCH, WIDTH), generator=generator), dim=1).to(part.device)
    bank = F.normalize(torch.randn((BANK, WIDTH), generator=generator), dim=1).to(part.device)
    index = torch.randperm(BANK, generator=generator)[:BATCH].to(part.device)
    negatives = torch.randint(BANK, (BATCH, count), generator=generator).to(part.device)
    normalizer = crd_normalizer(embedding, bank, index, negative_counts(negatives, BANK), TEMPERATURE)
    data = (embedding.requires_grad_(), bank, index, negatives, TEMPERATURE, normalizer)
    crd_loss.check(data)
    functions: dict[str, Callable[[], object]] = {
        "eager: gathered rows": lambda: step(gathered_rows, data),
        "ours": lambda: step(one_product, data),
    }
    _report(part, "CRD, one side, forward and backward", functions, negatives=count)


def _c2kd(part: Part, classes: int) -> None:
    """The whole loss on given logits and embeddings, proxies included, with the released code's choices in both."""
    cls, shape = methods.get("c2kd"), NetworkShape(512, ((64,), (512,)))
    torch.manual_seed(0)
    pair = Pair(shape, shape, classes, torch.arange(classes))
    given = cls.HyperParameters(krc_variant="b", krc_on="proxy", nontarget="zeroed")
    method = cls(given, pair).to(part.device)
    labels = torch.randint(classes, (BATCH,)).to(part.device)
    tensors = [torch.randn(BATCH, width).to(part.device).requires_grad_() for width in (classes, 512, classes, 512)]
    student, teacher = Outputs(*tensors[:2]), Outputs(*tensors[2:])
    batch = Batch(torch.arange(BATCH, device=part.device), 1, 10, labels)

    def ours() -> Tensor:
        return torch.stack(list(method(student, teacher, batch).values())).sum()

    eager = partial(_released_c2kd, method.student_proxy, method.teacher_proxy, student, teacher, labels)
    torch.testing.assert_close(eager(), ours(), rtol=1e-4, atol=1e-4)
    functions: dict[str, Callable[[], object]] = {
        "eager: released code": lambda: torch.autograd.backward(eager()),
        "ours": lambda: torch.autograd.backward(ours()),
    }
    _report(part, "C2KD, the whole loss, forward and backward", functions, classes=classes)


def _released_c2kd(
    student_proxy: nn.Module, teacher_proxy: nn.Module, student: Outputs, teacher: Outputs, labels: Tensor
) -> Tensor:
    """The loss as the released code computes it: SciPy row by row, each divergence by itself."""
    of_student, of_teacher = student_proxy(student.embedding), teacher_proxy(teacher.embedding)
    tau = scipy_loop(of_teacher.detach().cpu(), of_student.detach().cpu())
    keep = (tau > 0).float().to(labels.device)
    others = 1 - F.one_hot(labels, student.logits.shape[1])

    def divergence(target: Tensor, estimate: Tensor) -> Tensor:
        return F.kl_div(F.log_softmax(estimate, 1), F.softmax(target.detach(), 1), reduction="none").sum(1)

    mutual = [(teacher.logits, of_teacher), (student.logits, of_student)]
    loss = F.cross_entropy(student.logits, labels) + F.cross_entropy(teacher.logits, labels)
    for one, other in mutual:
        loss = loss + divergence(one, other).mean() + divergence(other, one).mean()
    one, other = of_teacher * others, of_student * others
    return loss + (keep * (divergence(one, other) + divergence(other, one))).mean()


def _report(part: Part, table: str, functions: dict[str, Callable[[], object]], **about: int) -> None:
    seconds = by_turns(functions, ROUNDS)
    eager = next(iter(seconds.values()))
    for name, value in seconds.items():
        part.row(table, **about, form=name, ms=1e3 * value, times_faster=eager / value)


if __name__ == "__main__":
    run_part(main)
