"""The network interface and its small registry."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cmkd_bench.errors import UnknownName, UserError
from cmkd_bench.method import NetworkShape
from cmkd_bench.outputs import Outputs


@dataclass(frozen=True)
class InputShape:
    """What a network sees of one sample.

    Attributes:
        kind: `vector`, `signal`, `image` or `text`.
        shape: of one sample without the batch axis; (L,) token ids for a text.
        vocabulary: number of token ids of a text, 0 otherwise.
    """

    kind: str
    shape: tuple[int, ...]
    vocabulary: int = 0


@dataclass(frozen=True)
class Features:
    """What lies below a head.

    Attributes:
        embedding: (B, D).
        stages: the feature maps of all stages, from shallow to deep, (B, D, ...) each, channels first.
        token_mask: (B, L) bool, where there are tokens.
    """

    embedding: Tensor
    stages: Sequence[Tensor]
    token_mask: Tensor | None = None


class Network(nn.Module, ABC):
    """A backbone with a linear head. Subclasses set `head` and compute `features`."""

    head: nn.Linear

    @abstractmethod
    def features(self, inputs: Tensor) -> Features:
        """Everything below the head, for (B, ...) inputs."""

    def forward(self, inputs: Tensor, stages: Sequence[int] = ()) -> Outputs:
        """The outputs of a batch.

        Args:
            inputs: (B, ...).
            stages: whose feature maps are wanted, 0-based.
        """
        features = self.features(inputs)
        return Outputs(
            logits=self.head(features.embedding),
            embedding=features.embedding,
            feature_maps={stage: features.stages[stage] for stage in stages},
            token_mask=features.token_mask,
        )


Builder = Callable[[InputShape, int], Network]
_builders: dict[str, Builder] = {}
# The modules of the built-in networks, imported when one of theirs is asked for.
_lazy = {
    "linear": "mlp",
    "mlp": "mlp",
    "cnn1d": "convolutional",
    "cnn2d": "convolutional",
    "transformer": "transformer",
}


def register_network(name: str) -> Callable[[Builder], Builder]:
    """Decorator: register a function or class that builds a network from (InputShape, classes)."""

    def decorate(builder: Builder) -> Builder:
        _builders[name] = builder
        return builder

    return decorate


def load_networks(names: Sequence[str]) -> None:
    """Import the modules of some networks now rather than at their first use."""
    for name in names:
        if name not in _builders and name in _lazy:
            importlib.import_module(f"cmkd_bench.networks.{_lazy[name]}")


def network_names() -> list[str]:
    """All names, sorted."""
    return sorted({*_builders, *_lazy})


def build_network(name: str, inputs: InputShape, classes: int) -> Network:
    """A freshly initialised network, drawn from the global generator.

    Raises:
        UnknownName: with the nearest match and the list.
        UserError: if the network cannot take such inputs.
    """
    load_networks([name])
    if name not in _builders:
        raise UnknownName("network", name, network_names())
    try:
        return _builders[name](inputs, classes)
    except ValueError as error:
        raise UserError(f"network '{name}' cannot take a {inputs.kind} of shape {inputs.shape}: {error}") from error


@torch.no_grad()
def shape_of(network: Network, inputs: InputShape) -> NetworkShape:
    """The sizes of a network's outputs, from one forward pass in evaluation mode."""
    dtype = torch.int64 if inputs.vocabulary else torch.float32
    training = network.training
    features = network.eval().features(torch.ones(1, *inputs.shape, dtype=dtype))
    network.train(training)
    return NetworkShape(
        embedding=features.embedding.shape[1],
        stages=tuple(tuple(stage.shape[1:]) for stage in features.stages),
    )
