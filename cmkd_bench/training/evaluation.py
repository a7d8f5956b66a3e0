"""Running a network over a part of the data."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cmkd_bench.outputs import Outputs

BATCH = 512


@torch.no_grad()
def outputs_of(network: nn.Module, inputs: Tensor, stages: Sequence[int] = ()) -> Outputs:
    """The outputs for all inputs in evaluation mode; the network's mode is put back afterwards.

    Args:
        network: a Network.
        inputs: (M, ...), on the network's device.
        stages: whose feature maps are wanted.
    """
    training = network.training
    network.eval()
    chunks = [network(chunk, stages) for chunk in torch.split(inputs, BATCH)]
    network.train(training)
    masks = [chunk.token_mask for chunk in chunks if chunk.token_mask is not None]
    return Outputs(
        logits=torch.cat([chunk.logits for chunk in chunks]).float(),
        embedding=torch.cat([chunk.embedding for chunk in chunks]).float(),
        feature_maps={stage: torch.cat([chunk.feature_maps[stage] for chunk in chunks]) for stage in stages},
        token_mask=torch.cat(masks) if masks else None,
    )


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """The share of samples whose largest logit is that of the label, in percent.

    Args:
        logits: (M, C).
        labels: (M,).
    """
    return 100.0 * int((logits.argmax(1) == labels).sum()) / len(labels)
