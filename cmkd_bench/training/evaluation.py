"""Run a network over a part of the data, and compute its metrics there."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from cmkd_bench.composite import parts_of
from cmkd_bench.outputs import Outputs
from cmkd_bench.statistics.metrics import METRICS
from cmkd_bench.training.read_ahead import AHEAD, read_ahead
from cmkd_bench.training.segmentation import confusion
from cmkd_bench.training.tensors import Part

BATCH = 512
NUMBERS = 2**24  # larger inputs are split further; activations take a multiple of this


class NonFiniteOutput(Exception):
    """Raised if a network's logits are infinite or not a number, so that nothing can be measured with them."""


@dataclass(frozen=True)
class Score:
    """The quality of a network on a part."""

    metric: str  # name of the value, `accuracy` or `miou`
    value: float  # in percent; used for selection and shown in tables
    others: Mapping[str, float] = field(default_factory=dict)  # further metrics, in percent
    # per sample, for paired statistics: logits (M, C) and labels (M,), or for segmentation one confusion matrix per
    # image, (M, C, C) int64, rows are labels
    predictions: Mapping[str, Tensor] = field(default_factory=dict)


def evaluate(network: nn.Module, part: Part, modality: str, classes: int) -> Score:
    """Return the accuracy, or the mean intersection over union if the part has label maps.

    Raises:
        NonFiniteOutput: if a logit is not finite; it would count as some class.
    """
    if part.targets is None:
        logits = outputs_of(network, part, modality).logits.cpu()
        _check_finite(logits.isfinite().flatten(1).all(1), part, modality)
        labels = part.labels.cpu()
        return Score("accuracy", accuracy(logits, labels), {}, {"logits": logits, "labels": labels})
    matrices, finite = [], []
    targets = part.targets
    for index, outputs in _chunks(network, part, modality, ()):
        matrices.append(confusion(outputs.logits, targets.stored(index), classes).cpu())
        finite.append(outputs.logits.isfinite().flatten(1).all(1).cpu())
    _check_finite(torch.cat(finite), part, modality)
    whole = torch.cat(matrices)
    miou, pixel_accuracy = (METRICS[name]({"confusion": whole.numpy()}) for name in ("miou", "pixel_accuracy"))
    return Score("miou", miou, {"pixel_accuracy": pixel_accuracy}, {"confusion": whole})


def outputs_of(network: nn.Module, part: Part, modality: str, layers: Sequence[int] = ()) -> Outputs:
    """Return the outputs for all samples of a part, in evaluation mode and with the evaluation view.

    Args:
        network: a Network; its mode is restored afterwards.
        part: a part with the network's modality.
        modality: name of the modality.
        layers: indices of the layers whose feature maps to return.
    """
    chunks = [outputs for _, outputs in _chunks(network, part, modality, layers)]
    masks = [chunk.token_mask for chunk in chunks if chunk.token_mask is not None]
    positions = [chunk.positions for chunk in chunks if chunk.positions is not None]
    return Outputs(
        logits=torch.cat([chunk.logits for chunk in chunks]).float(),
        embedding=torch.cat([chunk.embedding for chunk in chunks]).float(),
        feature_maps={layer: torch.cat([chunk.feature_maps[layer] for chunk in chunks]) for layer in layers},
        token_mask=torch.cat(masks) if masks else None,
        positions=torch.cat(positions).float() if positions else None,
    )


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Return the share of samples whose largest logit is that of the label, in percent.

    Args:
        logits: (M, C).
        labels: (M,).
    """
    return 100.0 * int((logits.argmax(1) == labels).sum()) / len(labels)


def batch_size(shape: tuple[int, ...]) -> int:
    """Return how many samples of a shape go through a network at once."""
    return max(1, min(BATCH, NUMBERS // math.prod(shape)))


def _check_finite(finite: Tensor, part: Part, modality: str) -> None:
    if not finite.all():
        rows = (~finite).nonzero().flatten().tolist()
        raise NonFiniteOutput(
            f"the network's logits for '{modality}' are not finite in {len(rows)} of {len(finite)} rows of the "
            f"{part.name} part; the first is row {rows[0]}"
        )


@torch.no_grad()
def _chunks(network: nn.Module, part: Part, modality: str, layers: Sequence[int]) -> Iterator[tuple[Tensor, Outputs]]:
    """Yield the rows and outputs of the part in chunks that fit into memory."""
    size = min(batch_size(part.views[one].shape(part.inputs[one].shape)) for one in parts_of(modality))
    pieces = torch.split(torch.arange(len(part)), size)
    jobs = (functools.partial(part.evaluation_rows, modality, index) for index in pieces)
    training = network.training
    network.eval()
    try:
        for index, stored in zip(pieces, read_ahead(jobs, 0 if part.is_resident(modality) else AHEAD), strict=True):
            yield index, network(part.as_seen(modality, stored), layers)
    finally:
        network.train(training)
