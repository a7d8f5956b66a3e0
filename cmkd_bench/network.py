"""The network interface: what a network returns, and what a family of networks knows of its models."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from cmkd_bench.errors import CannotTake
from cmkd_bench.method import NetworkShape
from cmkd_bench.outputs import Outputs

Seen = Tensor | Mapping[str, Tensor]
"""What a network is shown of a batch: (B, ...), or this by modality for a fusion."""


@dataclass(frozen=True)
class InputShape:
    """What a network sees of one sample, and what it should return.

    Attributes:
        kind: `vector`, `signal`, `image`, `video`, `spectrogram`, `depth` or `text`.
        shape: shape of one sample without the batch axis; (L,) token ids for a text.
        vocabulary: number of token ids of a text, 0 otherwise.
        dense: whether logits are needed per position (segmentation) rather than per sample.
    """

    kind: str
    shape: tuple[int, ...]
    vocabulary: int = 0
    dense: bool = False

    def __str__(self) -> str:
        return f"{'an' if self.kind == 'image' else 'a'} {self.kind} of shape {self.shape}"

    def require_numbers(self, axes: int | None = None) -> None:
        """Check that the inputs are numbers, with the given number of axes.

        Raises:
            ValueError: for token ids, or for another number of axes.
        """
        if self.vocabulary:
            raise ValueError("token ids are not numbers; use 'transformer'")
        if axes is not None and len(self.shape) != axes:
            raise ValueError(f"expected {axes} axes")


InputShapes = InputShape | Mapping[str, InputShape]
"""What a network sees of one sample; by modality for a fusion."""


@dataclass(frozen=True)
class Features:
    """The values below a network's head.

    Attributes:
        embedding: (B, D).
        layers: the feature map of each layer, from shallow to deep, (B, D, ...) each, channels first.
        token_mask: (B, L) bool, where there are tokens.
        positions: (B, D, h, w), the input of a dense network's head; None for other networks.
    """

    embedding: Tensor
    layers: Sequence[Tensor]
    token_mask: Tensor | None = None
    positions: Tensor | None = None


class Network(nn.Module, ABC):
    """A backbone with a linear head. Subclasses set `head` and compute `features`.

    Attributes:
        head: in a dense network a convolution with a kernel of one, which is linear at each position.
        name: the name that it was built by.
    """

    head: nn.Linear | nn.Conv2d
    name: str = ""

    @abstractmethod
    def features(self, inputs: Any) -> Features:
        """Compute everything below the head from (B, ...) inputs; a fusion gets these by modality."""

    def forward(self, inputs: Seen, layers: Sequence[int] = ()) -> Outputs:
        """Compute the outputs of a batch.

        Args:
            inputs: (B, ...), or this by modality for a fusion.
            layers: indices of the layers whose feature maps to return, 0-based.
        """
        features = self.features(inputs)
        return Outputs(
            logits=self.head(features.embedding if features.positions is None else features.positions),
            embedding=features.embedding,
            feature_maps={layer: features.layers[layer] for layer in layers},
            token_mask=features.token_mask,
            positions=features.positions,
        )


class Extended(Network):
    """A network whose embedding another module maps, before another head.

    It shares its modules with the networks that they come from, so it is up to date while these are trained. The head
    of the original network is no part of it.

    Args:
        network: provides the features.
        neck: maps (B, D) embeddings to (B, E).
        head: takes (B, E).
    """

    def __init__(self, network: Network, neck: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.body = without_head(network)
        self.neck, self.head, self.name = neck, head, network.name

    def features(self, inputs: Seen) -> Features:
        features = self.body.features(inputs)
        return replace(features, embedding=self.neck(features.embedding))


def without_head(network: Network) -> Network:
    """Return a network that shares everything with another one, apart from its head."""
    body = copy.copy(network)
    body._modules = {name: module for name, module in network._modules.items() if module is not network.head}
    return body


# What is registered under a network's name: the network's class, or a function. It raises a ValueError for inputs that
# the network cannot take. One that can return logits per position has the attribute `dense = True`, and one that is
# worth a GPU has `is_large = True`. A fusion has the attribute `fuses = True`, and gets the networks by modality
# instead of the shape of its inputs.
Builder = Callable[[Any, int], Network]


class NetworkFamily(ABC):
    """Networks by the names `<family>/<model>`. It has no state, and is registered by `@register_family("name")`.

    The module is imported to check a name, so a library that only `build` needs should be imported there.

    Attributes:
        registry_name: the family's name, set when it is registered.
        dense: whether its models can return logits per position.
        is_large: whether its models are worth a GPU: they are trained there if there is one, in bfloat16.
        modules: what `build` imports; imported before worker processes are forked, so that they do not import it again.
    """

    registry_name: ClassVar[str]
    dense: ClassVar[bool] = False
    is_large: ClassVar[bool] = True
    modules: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def build(self, model: str, inputs: InputShape, classes: int, pretrained: str, weights: Path | None) -> Network:
        """Build a network with a fresh head.

        Args:
            model: what follows the slash in the network's name.
            inputs: what it sees.
            classes: C.
            pretrained: what `weights_id` returned; "" for random weights.
            weights: the file or folder where weights on this machine are; None if there are none.

        Raises:
            UserError: if the model or its weights are not available.
            ValueError: for inputs that the model cannot take.
        """

    def problem_with(self, model: str) -> str | None:
        """Explain why there is no such model, with the nearest match; return None if there is one."""
        return None

    def has(self, model: str) -> bool:
        """Return whether a name without a family is certainly one of its models, so that it can be suggested."""
        return False

    def tokenizer(self, model: str, pretrained: str, weights: Path | None) -> str:
        """Return the kind of tokenizer that a model reads texts with; see `cmkd_bench.data.tokenizers.by_name`.

        Raises:
            UserError: if the weights have no tokenizer with them.
        """
        return "words"

    def weights_id(self, setting: bool | str, model: str) -> str:
        """Return the identity of a model's weights for the record; "" if the family has no pretrained weights.

        A family with weights returns `cmkd_bench.weights.weights_id(setting, model)`, or an identity of its own.

        Args:
            setting: the value of `model.pretrained`: True for the weights of a hub, or a path.
            model: what follows the slash in the network's name.

        Raises:
            UserError: if there are no weights at the path.
        """
        return ""


@torch.no_grad()
def shape_of(network: Network, inputs: InputShapes) -> NetworkShape:
    """Return the sizes of a network's outputs, from one forward pass in evaluation mode.

    Raises:
        CannotTake: if the forward pass fails, e.g. because the inputs are too small for the network.
    """
    training = network.training
    try:
        features = network.eval().features(_ones(inputs, network.head.weight.device))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise CannotTake(network.name or type(network).__name__, in_words(inputs), error) from error
    finally:
        network.train(training)
    return NetworkShape(
        embedding=features.embedding.shape[1],
        layers=tuple(tuple(layer.shape[1:]) for layer in features.layers),
        positions=() if features.positions is None else tuple(features.positions.shape[2:]),
    )


def in_words(inputs: InputShapes) -> str:
    """Return what a network sees, for messages."""
    return str(inputs) if isinstance(inputs, InputShape) else " with ".join(map(str, inputs.values()))


def _ones(inputs: InputShapes, device: torch.device) -> Seen:
    """Return one sample."""
    if not isinstance(inputs, InputShape):
        return {modality: _one(shape, device) for modality, shape in inputs.items()}
    return _one(inputs, device)


def _one(inputs: InputShape, device: torch.device) -> Tensor:
    return torch.ones(1, *inputs.shape, dtype=torch.int64 if inputs.vocabulary else torch.float32, device=device)
