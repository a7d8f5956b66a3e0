"""Every loss in float32, on the CPU and on a GPU, against the same in float64: values and gradients."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from devices import DEVICES
from torch import Tensor

from cmkd_bench import losses

BATCH, CLASSES, BANK, WIDTH, K = 16, 90, 200, 12, 30
Given = dict[str, Tensor]
Loss = Callable[[Given], tuple[Tensor, ...]]


def given() -> Given:
    """Two sides' logits and embeddings, a bank and negatives, in float64."""
    generator = torch.Generator().manual_seed(0)
    draw = partial(torch.randn, generator=generator, dtype=torch.float64)
    whole = partial(torch.randint, generator=generator)
    rows = torch.nn.functional.normalize(draw(BANK, WIDTH), dim=1)
    return {
        "student": 3 * draw(BATCH, CLASSES),
        "teacher": 3 * draw(BATCH, CLASSES),
        "ours": torch.nn.functional.normalize(draw(BATCH, WIDTH), dim=1),
        "theirs": draw(BATCH, WIDTH),
        "bank": rows,
        "labels": whole(CLASSES, (BATCH,)),
        "index": torch.randperm(BANK, generator=generator)[:BATCH],
        "negatives": whole(BANK, (BATCH, K)),
        "weight": draw(CLASSES, WIDTH),
        "keep": torch.arange(BATCH) % 3 > 0,
    }


def crd_side(one: Given) -> tuple[Tensor, ...]:
    counts = losses.negative_counts(one["negatives"], BANK, one["ours"].dtype)
    place = (one["ours"], one["bank"], one["index"], counts, 0.07)
    return (losses.crd_side_loss(*place, losses.crd_normalizer(*place)),)


def negatives(one: Given) -> tuple[Tensor, ...]:
    """Whether those that are drawn are of other classes, uniformly: a property, for generators differ."""
    labels = (torch.arange(BANK) % 5).to(one["labels"].device)
    drawn = losses.sample_negatives(labels[:BATCH], losses.class_layout(labels), 2000)
    assert (labels[drawn] != labels[:BATCH, None]).all()
    share = (drawn < BANK // 2).double().mean(1)
    assert ((share - 0.5).abs() < 0.08).all()
    return (share * 0,)


def first_half(one: Given) -> Tensor:
    """Which rows a masked loss keeps."""
    return torch.arange(BATCH, device=one["labels"].device) < BATCH // 2


CASES: dict[str, Loss] = {
    "kd_loss": lambda one: (losses.kd_loss(one["student"], one["teacher"], 4.0),),
    "mutual_kl": lambda one: losses.mutual_kl(one["student"], one["teacher"]),
    "tckd_nckd": lambda one: losses.tckd_nckd(one["student"], one["teacher"], one["labels"], 4.0),
    "dkd_loss": lambda one: (losses.dkd_loss(one["student"], one["teacher"], one["labels"], 1.0, 8.0, 4.0),),
    "nontarget_kl": lambda one: (losses.nontarget_kl(one["student"], one["teacher"], one["labels"], one["keep"]),),
    "mutual_nontarget_kl": lambda one: losses.mutual_nontarget_kl(
        one["student"], one["teacher"], one["labels"], one["keep"], "zeroed", "kept"
    ),
    "hint_loss": lambda one: (losses.hint_loss(one["student"], one["teacher"]),),
    "info_nce": lambda one: (losses.info_nce(one["ours"], one["theirs"], 0.1),),
    "similarity_distillation": lambda one: (losses.similarity_distillation(one["ours"], one["theirs"], 0.1, 0.1),),
    "crd_side_loss": crd_side,
    "kendall_tau": lambda one: (losses.kendall_tau(one["student"], one["teacher"]),),
    "permuted_distance": lambda one: (losses.permuted_distance(one["ours"], one["weight"], one["student"]),),
    "sample_negatives": negatives,
    "dist_terms": lambda one: losses.dist_terms(one["student"], one["teacher"], 4.0),
    "standardize_logits": lambda one: (losses.standardize_logits(one["student"]),),
    "rld_terms": lambda one: losses.rld_terms(one["student"], one["teacher"], one["labels"], 4.0, 1.0),
    "transformed_teacher_loss": lambda one: (
        losses.transformed_teacher_loss(one["student"], one["teacher"], 0.2, weighted=True),
    ),
    "prediction_relations": lambda one: losses.prediction_relations(one["student"], one["teacher"], 4.0),
    "ofa_loss": lambda one: (losses.ofa_loss(one["student"], one["teacher"], one["labels"], 1.5, all_classes=False),),
    "sp_loss": lambda one: (losses.sp_loss(one["student"], one["theirs"]),),
    "rkd_terms": lambda one: losses.rkd_terms(one["student"], one["theirs"]),
    "frequency_parts": lambda one: losses.frequency_parts(one["theirs"]),
    "frequency_distances": lambda one: losses.frequency_distances(
        one["ours"], one["ours"], one["theirs"], one["theirs"]
    ),
    "nkd_terms": lambda one: losses.nkd_terms(one["student"], one["teacher"], one["labels"], 2.0),
    "pkt_loss": lambda one: (losses.pkt_loss(one["student"], one["theirs"], with_itself=False),),
    "class_contrast": lambda one: (losses.class_contrast(one["ours"], one["theirs"], one["labels"], 0.07, 0.01),),
    "direction_loss": lambda one: (losses.direction_loss(one["student"], one["teacher"], 0.1),),
    "vid_loss": lambda one: (losses.vid_loss(one["ours"], one["theirs"], one["weight"][0].abs()),),
    "correlation_loss": lambda one: (losses.correlation_loss(one["ours"], one["theirs"], 1.01),),
    "mutual_information_loss": lambda one: (losses.mutual_information_loss(one["student"], one["theirs"]),),
    "cosine_distance": lambda one: (losses.cosine_distance(one["ours"], one["theirs"]),),
    "queue_distillation": lambda one: (
        losses.queue_distillation(one["ours"], one["theirs"], one["bank"], one["bank"][:, 0] > 0, 0.05, 0.1),
    ),
    "consistency_loss": lambda one: (losses.consistency_loss(one["student"], one["teacher"]),),
    "masked_kd_loss": lambda one: (losses.masked_kd_loss(one["student"], one["teacher"], 4.0, first_half(one)),),
    "pseudo_label_loss": lambda one: (losses.pseudo_label_loss(one["student"], one["teacher"], first_half(one)),),
    "nt_xent": lambda one: (losses.nt_xent(one["ours"], one["theirs"], 0.1),),
    "sinkhorn_plan": lambda one: (losses.sinkhorn_plan(torch.cdist(one["ours"], one["theirs"]), 0.5, 30),),
    "transport_cost": lambda one: (losses.transport_cost(one["ours"], one["theirs"], "euclidean", 0.1, 30),),
    "label_alignment": lambda one: losses.label_alignment(one["student"], one["teacher"], one["labels"]),
    "mixture_kd": lambda one: (
        losses.mixture_kd(one["student"], one["teacher"][None], one["keep"][:, None] * 0.5, 4.0),
    ),
    "top_weights": lambda one: (losses.top_weights(one["student"], 2) * one["teacher"],),
    "balance_loss": lambda one: (losses.balance_loss(one["student"]),),
    "joint_kd": lambda one: (losses.joint_kd(torch.stack([one["student"], one["teacher"]]), 4.0, detached=False),),
}
PART_OF_ANOTHER = {"crd_normalizer", "negative_counts", "class_layout", "ClassLayout", "confident_rows"}


def test_no_loss_is_left_out() -> None:
    assert {*CASES, *PART_OF_ANOTHER} == set(losses.__all__)


def values_and_gradients(loss: Loss, device: str, dtype: torch.dtype) -> list[Tensor]:
    """What the loss gives, and the gradients of the sum of it for both sides, on the CPU in float64."""
    one = {name: value.to(device, dtype if value.is_floating_point() else None) for name, value in given().items()}
    leaves = [one[name].requires_grad_() for name in ("student", "teacher", "ours", "theirs")]
    found = loss(one)
    total = torch.stack([term.sum() for term in found]).sum()
    gradients: list[Tensor] = []
    if total.requires_grad:
        gradients = [g for g in torch.autograd.grad(total, leaves, allow_unused=True) if g is not None]
    return [tensor.detach().cpu().double() for tensor in (*found, *gradients)]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", CASES)
def test_float32_agrees_with_float64(name: str, device: str) -> None:
    exact = values_and_gradients(CASES[name], "cpu", torch.float64)
    found = values_and_gradients(CASES[name], device, torch.float32)
    assert len(exact) == len(found)
    for one, other in zip(found, exact, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", [name for name in CASES if name not in ("kendall_tau", "sample_negatives")])
def test_half_precision_inputs_under_autocast_are_computed_in_float32(name: str, device: str) -> None:
    def rounded(one: Given) -> tuple[Tensor, ...]:
        return CASES[name]({key: v.bfloat16().float() if v.is_floating_point() else v for key, v in one.items()})

    def halved(one: Given) -> tuple[Tensor, ...]:
        with torch.autocast(device, torch.bfloat16):
            half = {key: v.bfloat16() if v.is_floating_point() else v for key, v in one.items()}
            return CASES[name](half)

    if name == "crd_side_loss":
        pytest.skip("its counts have the type of the embedding, which the method casts itself")
    whole = values_and_gradients(rounded, device, torch.float32)
    half = values_and_gradients(halved, device, torch.float32)
    terms = len(CASES[name](given()))
    for one, other in zip(half[:terms], whole[:terms], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)
