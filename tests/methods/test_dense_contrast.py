"""Contrasts in segmentation, against loops over images and positions."""

from __future__ import annotations

import math

import pytest
import torch

from cmkd_bench.method import Batch, NetworkShape, Pair
from cmkd_bench.methods import crd as crd_file
from cmkd_bench.methods.crd import CRD, CRDParameters
from cmkd_bench.outputs import Outputs
from cmkd_bench.training.segmentation import as_positions

IMAGES, CLASSES, HEIGHT, WIDTH = 3, 4, 2, 3
INDEX = torch.tensor([5, 0, 7])  # of 9 images


def dense(width, seed, grad=False, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    positions = torch.randn(IMAGES, width, HEIGHT, WIDTH, generator=generator, dtype=torch.float64)
    logits = torch.randn(IMAGES, CLASSES, HEIGHT, WIDTH, generator=generator, dtype=torch.float64)
    positions = positions.to(dtype).requires_grad_(grad)
    return Outputs(logits.to(dtype), positions.mean((2, 3)), positions=positions)


def pair(images=9):
    ours, theirs = (NetworkShape(width, ((width, 4, 4),) * 2, (HEIGHT, WIDTH)) for width in (5, 7))
    return Pair(ours, theirs, CLASSES, torch.zeros(images, dtype=torch.int64))


def rows(student, teacher, labels=False):
    """What a method is given; the last row of the first image has no label in the dataset."""
    targets = torch.arange(IMAGES * HEIGHT * WIDTH).view(IMAGES, HEIGHT, WIDTH).remainder(CLASSES).to(torch.uint8)
    targets[0, -1] = 255
    known = torch.zeros(IMAGES, dtype=torch.int64) if labels else None
    return as_positions(student, teacher, Batch(INDEX, 1, 1, known), targets, None)


def mean(positions, image):
    """The mean over all positions of an image, one after the other."""
    width = positions.shape[1]
    total = [0.0] * width
    for down in range(HEIGHT):
        for right in range(WIDTH):
            for channel in range(width):
                total[channel] += positions[image, channel, down, right].item()
    return [value / (HEIGHT * WIDTH) for value in total]


def means(positions):
    return torch.tensor([mean(positions, image) for image in range(IMAGES)], dtype=torch.float64)


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)


def clip(ours, theirs, temperature):
    """Each row against all rows of the other side, both ways."""
    n, total = len(ours), 0.0
    scores = [[cosine(a, b) / temperature for b in theirs] for a in ours]
    for i in range(n):
        total += math.log(sum(math.exp(scores[i][j]) for j in range(n))) - scores[i][i]
        total += math.log(sum(math.exp(scores[j][i]) for j in range(n))) - scores[i][i]
    return total / 2 / n


def within(ours, theirs, temperature, of_teacher):
    """The cross-entropy between the similarities to all other rows."""
    n, total = len(ours), 0.0
    for i in range(n):
        others = [j for j in range(n) if j != i]
        q = [math.exp(cosine(ours[i], ours[j]) / temperature) for j in others]
        p = [math.exp(cosine(theirs[i], theirs[j]) / of_teacher) for j in others]
        total -= sum(pj / sum(p) * math.log(qj / sum(q)) for pj, qj in zip(p, q, strict=True))
    return total / n


def expected(form, method, ours, theirs):
    projected = method.projection(ours).tolist()
    if form == "cmc":
        return clip(projected, theirs.tolist(), 0.2)
    return within(projected, theirs.tolist(), 0.2, 0.5)


def cmcd(toys, form, **given):
    return toys.method("cmcd", pair(), form=form, temperature=0.2, teacher_temperature=0.5, **given).double()


@pytest.mark.oracle("cmcd", "in segmentation: images, by loops over their positions")
@pytest.mark.parametrize("form", ["cmc", "cmd"])
def test_cmcd_contrasts_the_means_of_images(toys, form):
    method, student, teacher = cmcd(toys, form), dense(5, 1), dense(7, 2)
    loss = method.distil(*rows(student, teacher))[form]
    assert loss.item() == pytest.approx(
        expected(form, method, means(student.positions), means(teacher.positions)), rel=1e-10
    )


@pytest.mark.oracle("cmcd", "in segmentation: single positions, pixel by pixel")
@pytest.mark.parametrize("form", ["cmc", "cmd"])
def test_cmcd_contrasts_registered_positions_if_asked(toys, form):
    method, student, teacher = cmcd(toys, form, rows_per_image=2), dense(5, 1), dense(7, 2)
    # the channels of a position tell which it is
    place = torch.arange(IMAGES * HEIGHT * WIDTH, dtype=torch.float64).view(IMAGES, 1, HEIGHT, WIDTH)
    marked = [Outputs(one.logits, one.embedding, positions=place.expand(-1, 2, -1, -1)) for one in (student, teacher)]
    *seen, batch = rows(*marked)
    torch.manual_seed(3)
    drawn = seen[0].embedding[batch.draw_rows(2), 0].long().tolist()
    assert [one // (HEIGHT * WIDTH) for one in drawn] == [0, 0, 1, 1, 2, 2]
    assert not {3, 4, 5} & set(drawn), "positions without a label are not drawn"
    ours, theirs = (
        torch.stack([one.positions[n // (HEIGHT * WIDTH), :, n % (HEIGHT * WIDTH) // WIDTH, n % WIDTH] for n in drawn])
        for one in (student, teacher)
    )
    torch.manual_seed(3)
    loss = method.distil(*rows(student, teacher))[form]
    assert loss.item() == pytest.approx(expected(form, method, ours, theirs), rel=1e-10)


def test_cmcd_reaches_every_position_of_the_student_and_none_of_the_teacher(toys):
    student, teacher = dense(5, 1, grad=True), dense(7, 2, grad=True)
    cmcd(toys, "cmc").distil(*rows(student, teacher))["cmc"].backward()
    assert teacher.positions.grad is None
    reached = student.positions.grad.abs().sum(1) > 0
    assert reached.all(), "positions without a label too"
    assert torch.allclose(student.positions.grad, student.positions.grad[..., :1, :1].expand_as(student.positions))


def test_cmcd_trains_the_head_on_labelled_positions_only(toys):
    student, teacher, batch = rows(dense(5, 1), dense(7, 2), labels=True)
    loss = cmcd(toys, "cmc").phases()[1].loss(student, teacher, batch)["cross_entropy"].item()
    each = []
    for row, label in zip(student.logits.tolist(), batch.labels.tolist(), strict=True):
        each.append(math.log(sum(math.exp(value) for value in row)) - row[label])
    assert len(each) == IMAGES * HEIGHT * WIDTH - WIDTH
    assert loss == pytest.approx(sum(each) / len(each), rel=1e-10)


def single(width, seed, grad=False):
    return dense(width, seed, grad, torch.float32)


def crd(toys, **given):
    return toys.method("crd", pair(), dimension=6, **given)


def side(embedding, bank, negatives, normalizer):
    """One side of CRD, image by image and negative by negative, with the constant Z that the method keeps."""
    total = 0.0
    for row, own, others in zip(embedding, INDEX.tolist(), negatives, strict=True):
        share = len(others) / len(bank)

        def p(k, row=row):
            return math.exp(sum(x * y for x, y in zip(row, bank[k], strict=True)) / 0.07) / normalizer

        total -= math.log(p(own) / (p(own) + share + 1e-7))
        total -= sum(math.log(share / (p(k) + share + 1e-7)) for k in others)
    return total / len(embedding)


@pytest.mark.oracle("crd", "in segmentation: images against a bank of images, by loops")
@pytest.mark.parametrize("asked", [16384, 8, 4])
def test_crd_contrasts_an_image_with_all_others(toys, asked, monkeypatch):
    draws = []

    def recorded(*given, function=crd_file.sample_negatives):
        draws.append(function(*given))
        return draws[-1]

    monkeypatch.setattr(crd_file, "sample_negatives", recorded)
    method, student, teacher = crd(toys, negatives=asked), single(5, 1), single(7, 2)
    losses = method(*rows(student, teacher, labels=True))
    if asked < 8:
        negatives = draws[0].tolist()
        assert all(own not in others for own, others in zip(INDEX.tolist(), negatives, strict=True))
    else:
        negatives = [[k for k in range(9) if k != own] for own in INDEX.tolist()]
    for name, outputs, other, z in (("student", student, "teacher", 0), ("teacher", teacher, "student", 1)):
        projected = getattr(method, f"{name}_projection")(means(outputs.positions).float())
        unit = (projected / projected.norm(dim=1, keepdim=True)).tolist()
        bank = getattr(method, f"{other}_bank").tolist()
        value = 0.8 * side(unit, bank, negatives, method.normalizers[z].item())
        assert losses[f"{name}_side"].item() == pytest.approx(value, rel=1e-4), name


def test_crd_moves_the_rows_of_the_images_of_the_batch(toys):
    method = crd(toys)
    before = method.student_bank.clone()
    method(*rows(single(5, 1), single(7, 2), labels=True))
    method.after_step(torch.nn.Identity())
    moved = (method.student_bank != before).any(1).nonzero().flatten().tolist()
    assert moved == sorted(INDEX.tolist())


def test_crd_side_s_reaches_every_position_of_the_student_alone(toys):
    student, teacher = single(5, 1, grad=True), single(7, 2)
    losses = crd(toys)(*rows(student, teacher, labels=True))
    (reached,) = torch.autograd.grad(losses["student_side"], student.positions, retain_graph=True)
    assert (reached.abs().sum(1) > 0).all()
    (unused,) = torch.autograd.grad(losses["teacher_side"], student.positions, allow_unused=True)
    assert unused is None


def test_crd_needs_two_classes_unless_images_are_contrasted():
    shape = NetworkShape(5, ((5,), (5,)))
    one_class = torch.zeros(9, dtype=torch.int64)
    assert CRD.unsupported(CRDParameters(), pair()) is None
    assert "one class" in CRD.unsupported(CRDParameters(), Pair(shape, shape, CLASSES, one_class))


@pytest.mark.oracle("comodo", "in segmentation: the queue holds the means of images, by loops over their positions")
def test_comodo_queues_images(toys):
    method, teacher = toys.method("comodo", pair(), queue=4, width=6), single(7, 2)
    method.distil(*rows(single(5, 1), teacher))
    method.after_step(torch.nn.Identity())
    expected = means(teacher.positions)
    expected /= expected.norm(dim=1, keepdim=True)
    assert method.filled.tolist() == [True, True, True, False]
    assert torch.allclose(method.memory[:3], expected.float(), atol=1e-6)
