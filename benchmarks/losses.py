"""Compare Kendall's tau, CRD's and C2KD's losses with their literal forms, as released code has them.

Run from the root of the repository: python -m benchmarks.losses [tau crd c2kd] [--device cuda]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import torch
from rich.console import Console
from rich.table import Table
from scipy.stats import kendalltau
from torch import Tensor
from torch.nn import functional as F

from benchmarks._timing import Functions, interleaved
from cmkd_bench.losses import crd_normalizer, crd_side_loss, kendall_tau, negative_counts
from cmkd_bench.method import Batch, Method, NetworkShape, Pair
from cmkd_bench.outputs import Outputs
from cmkd_bench.registry import methods

BATCH, ROUNDS = 64, 15
CLASSES = (6, 28, 309, 1000)
NEGATIVES, BANK, WIDTH, TEMPERATURE = (4096, 16384), 10_000, 128, 0.07


def main() -> None:
    """Check that both forms agree, then print the median times and their ratio, on one CPU thread or the GPU."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("losses", nargs="*", default=list(COMPARISONS), help=", ".join(COMPARISONS))
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    table = Table(title=f"batch of {BATCH}, {given.device}, median of {ROUNDS} rounds")
    for heading in ("loss", "size", "form", "ms", "times faster"):
        table.add_column(heading, justify="left" if heading in ("loss", "form") else "right")
    for loss in given.losses:
        sizes, forms = COMPARISONS[loss]
        for size in sizes:
            for form, seconds, ratio in timed(forms(size, given.device), ROUNDS):
                table.add_row(loss, f"{size}", form, f"{seconds * 1e3:.3f}", f"{ratio:.1f}")
    Console().print(table)


def timed(forms: Functions, rounds: int) -> Iterator[tuple[str, float, float]]:
    """Yield the name of each form, its seconds, and how many times faster it is than the first, the literal one."""
    seconds = interleaved(forms, rounds)
    literal = next(iter(seconds.values()))
    for name, value in seconds.items():
        yield name, value, literal / value


def tau(classes: int, device: str) -> Functions:
    """Kendall's tau-b, forward only, against a loop over SciPy and all pairs at once (without ties)."""
    a, b = torch.randn((2, BATCH, classes), generator=torch.Generator().manual_seed(classes)).to(device)
    torch.testing.assert_close(kendall_tau(a, b).cpu(), scipy_loop(a, b), rtol=0, atol=1e-12)

    def all_pairs() -> Tensor:
        signs = [(one[:, :, None] - one[:, None, :]).sign() for one in (a, b)]
        return (signs[0] * signs[1]).sum((1, 2)) / (classes * (classes - 1))

    return {"SciPy, row by row": lambda: scipy_loop(a, b), "all pairs": all_pairs, "ours": lambda: kendall_tau(a, b)}


def scipy_loop(a: Tensor, b: Tensor) -> Tensor:
    """Call SciPy for each row."""
    rows = zip(a.double().cpu().numpy(), b.double().cpu().numpy(), strict=True)
    return torch.tensor([kendalltau(x, y).statistic for x, y in rows])


def crd(count: int, device: str) -> Functions:
    """One side of CRD, forward and backward: a product with the whole bank against a copy of every row compared."""
    generator = torch.Generator().manual_seed(count)
    embedding = F.normalize(torch.randn((BATCH, WIDTH), generator=generator), dim=1).to(device)
    bank = F.normalize(torch.randn((BANK, WIDTH), generator=generator), dim=1).to(device)
    index = torch.randperm(BANK, generator=generator)[:BATCH].to(device)
    negatives = torch.randint(BANK, (BATCH, count), generator=generator).to(device)
    normalizer = crd_normalizer(embedding, bank, index, negative_counts(negatives, BANK), TEMPERATURE)
    embedding.requires_grad_()

    def gathered() -> Tensor:
        rows = bank[torch.cat([index[:, None], negatives], dim=1)]
        p = torch.exp(torch.bmm(rows, embedding[:, :, None]).squeeze(2) / TEMPERATURE) / normalizer
        noise = count / BANK
        positive = torch.log(p[:, 0] / (p[:, 0] + noise + 1e-7)).sum()
        return -(positive + torch.log(noise / (p[:, 1:] + noise + 1e-7)).sum()) / BATCH

    def ours() -> Tensor:
        counts = negative_counts(negatives, BANK)  # counting is part of the time
        return crd_side_loss(embedding, bank, index, counts, TEMPERATURE, normalizer)

    return _with_gradients(("gathered rows", gathered), ("ours", ours), embedding)


def c2kd(classes: int, device: str) -> Functions:
    """C2KD on given logits and embeddings, proxies included, with the released code's choices in both forms."""
    cls, shape = methods.get("c2kd"), NetworkShape(512, ((64,), (512,)))
    torch.manual_seed(0)
    given = cls.HyperParameters(krc_variant="b", krc_on="proxy", nontarget="zeroed")
    method = cls(given, Pair(shape, shape, classes, torch.arange(classes))).to(device)
    labels = torch.randint(classes, (BATCH,)).to(device)
    tensors = [torch.randn(BATCH, width).to(device).requires_grad_() for width in (classes, 512, classes, 512)]
    student, teacher = Outputs(*tensors[:2]), Outputs(*tensors[2:])
    batch = Batch(torch.arange(BATCH, device=device), 1, 10, labels)
    return _with_gradients(
        ("released code", lambda: _released_c2kd(method, student, teacher, labels)),
        ("ours", lambda: torch.stack(list(method(student, teacher, batch).values())).sum()),
        tensors[0],
    )


def _released_c2kd(method: Method, student: Outputs, teacher: Outputs, labels: Tensor) -> Tensor:
    """The loss as the released code computes it: SciPy row by row, each divergence by itself."""
    of_student, of_teacher = method.student_proxy(student.embedding), method.teacher_proxy(teacher.embedding)
    keep = (scipy_loop(of_teacher.detach(), of_student.detach()) > 0).float().to(labels.device)
    others = 1 - F.one_hot(labels, student.logits.shape[1])

    def divergences(one: Tensor, other: Tensor) -> Tensor:
        return sum(
            F.kl_div(F.log_softmax(estimate, 1), F.softmax(target.detach(), 1), reduction="none").sum(1)
            for target, estimate in ((one, other), (other, one))
        )

    loss = F.cross_entropy(student.logits, labels) + F.cross_entropy(teacher.logits, labels)
    loss = loss + divergences(teacher.logits, of_teacher).mean() + divergences(student.logits, of_student).mean()
    return loss + (keep * divergences(of_teacher * others, of_student * others)).mean()


def _with_gradients(
    literal: tuple[str, Callable[[], Tensor]], ours: tuple[str, Callable[[], Tensor]], variable: Tensor
) -> Functions:
    """Return both forms with their backward passes, after checking that values and gradients agree."""
    found = []
    for _, loss in (literal, ours):
        value = loss()
        found.append((value.detach(), *torch.autograd.grad(value, variable)))
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-4)
    return {name: lambda loss=loss: torch.autograd.backward(loss()) for name, loss in (literal, ours)}


COMPARISONS = {"tau": (CLASSES, tau), "crd": (NEGATIVES, crd), "c2kd": (CLASSES, c2kd)}

if __name__ == "__main__":
    main()
