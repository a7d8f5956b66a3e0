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


class CannotTake(UserError):
    """A network that is not made for such inputs."""


@dataclass(frozen=True)
class InputShape:
    """What a network sees of one sample, and what is wanted of it.

    Attributes:
        kind: `vector`, `signal`, `image`, `video`, `spectrogram`, `depth` or `text`.
        shape: of one sample without the batch axis; (L,) token ids for a text.
        vocabulary: number of token ids of a text, 0 otherwise.
        dense: whether logits are wanted per position (segmentation) rather than per sample.
    """

    kind: str
    shape: tuple[int, ...]
    vocabulary: int = 0
    dense: bool = False


@dataclass(frozen=True)
class Features:
    """What lies below a head.

    Attributes:
        embedding: (B, D).
        layers: the feature maps of all layers, from shallow to deep, (B, D, ...) each, channels first.
        token_mask: (B, L) bool, where there are tokens.
        positions: (B, D, h, w), what feeds the head of a dense network; None otherwise.
    """

    embedding: Tensor
    layers: Sequence[Tensor]
    token_mask: Tensor | None = None
    positions: Tensor | None = None


class Network(nn.Module, ABC):
    """A backbone with a linear head. Subclasses set `head` and compute `features`.

    Attributes:
        head: a convolution with a kernel of one in a dense network, which is linear at each position.
        name: under which it was built.
    """

    head: nn.Linear | nn.Conv2d
    name: str = ""

    @abstractmethod
    def features(self, inputs: Tensor) -> Features:
        """Everything below the head, for (B, ...) inputs."""

    def forward(self, inputs: Tensor, layers: Sequence[int] = ()) -> Outputs:
        """The outputs of a batch.

        Args:
            inputs: (B, ...).
            layers: whose feature maps are wanted, 0-based.
        """
        features = self.features(inputs)
        return Outputs(
            logits=self.head(features.embedding if features.positions is None else features.positions),
            embedding=features.embedding,
            feature_maps={layer: features.layers[layer] for layer in layers},
            token_mask=features.token_mask,
            positions=features.positions,
        )


Builder = Callable[[InputShape, int], Network]
FamilyBuilder = Callable[[str, InputShape, int, str], Network]


_builders: dict[str, Builder] = {}
_families: dict[str, FamilyBuilder] = {}
_dense: set[str] = set()
# The modules of the built-in networks, imported when one of theirs is asked for.
_lazy = {
    "linear": "mlp",
    "mlp": "mlp",
    "cnn1d": "convolutional",
    "cnn2d": "convolutional",
    "transformer": "transformer",
}
# Likewise of the families, by what stands before the first slash of a name, and what follows the slash.
_lazy_families = {"timm": ("timm_backbones", "<model>"), "transformers": ("transformer_encoders", "<model or path>")}


def register_network(name: str, dense: bool = False) -> Callable[[Builder], Builder]:
    """Decorator: register a function or class that builds a network from (InputShape, classes).

    Args:
        name: without a slash.
        dense: whether it can give logits per position; it is asked for them by `InputShape.dense`.
    """

    def decorate(builder: Builder) -> Builder:
        _add(name, dense)
        _builders[name] = builder
        return builder

    return decorate


def register_family(name: str, dense: bool = False) -> Callable[[FamilyBuilder], FamilyBuilder]:
    """Decorator: register what builds `name/<model>` from (model, InputShape, classes, pretrained)."""

    def decorate(builder: FamilyBuilder) -> FamilyBuilder:
        _add(name, dense)
        _families[name] = builder
        return builder

    return decorate


def loaded_networks() -> list[str]:
    """The networks and families whose modules have been imported so far."""
    return [*_builders, *_families]


def _add(name: str, dense: bool) -> None:
    """Replace what was registered under the name before."""
    _dense.discard(name)
    if dense:
        _dense.add(name)


def load_networks(names: Sequence[str]) -> None:
    """Import the modules of some networks now rather than at their first use."""
    for name in names:
        family, slash, _ = name.partition("/")
        if slash and family not in _families and family in _lazy_families:
            importlib.import_module(f"cmkd_bench.networks.{_lazy_families[family][0]}")
        elif name not in _builders and name in _lazy:
            importlib.import_module(f"cmkd_bench.networks.{_lazy[name]}")


def network_names() -> list[str]:
    """All names, sorted, then the form of the names of each family."""
    return sorted({*_builders, *_lazy}) + [f"{family}/{form}" for family, (_, form) in _lazy_families.items()]


def build_network(name: str, inputs: InputShape, classes: int, pretrained: str = "") -> Network:
    """A network whose head, and whose backbone unless it is pretrained, is drawn from the global generator.

    Args:
        name: registered, or `<family>/<model>`.
        inputs: what it sees.
        classes: C.
        pretrained: of the backbone, as `weights_id` gives it: "" for none, "hub" for the hub's weights,
            "sha256:<12 digits>" for weights on this machine, found through the variable CMKD_WEIGHTS.

    Raises:
        UnknownName: with the nearest match and the list.
        CannotTake: if the network is not made for such inputs.
        UserError: if its weights cannot be had.
    """
    load_networks([name])
    family, slash, model = name.partition("/")
    in_family = bool(slash) and family in _families
    if not in_family and name not in _builders:
        raise UnknownName("network", name, network_names())
    if pretrained and not in_family:
        raise UserError(f"network '{name}' has no pretrained weights: it is always trained from scratch.")
    try:
        if inputs.dense and (family if in_family else name) not in _dense:
            raise ValueError("it gives no logits per position, which segmentation needs; use timm/<model>")
        network = (
            _families[family](model, inputs, classes, pretrained) if in_family else _builders[name](inputs, classes)
        )
    except ValueError as error:
        raise _refusal(name, inputs, error) from error
    network.name = name
    return network


@torch.no_grad()
def shape_of(network: Network, inputs: InputShape) -> NetworkShape:
    """The sizes of a network's outputs, from one forward pass in evaluation mode.

    Raises:
        CannotTake: if the forward pass fails, e.g. because the inputs are too small for the network.
    """
    dtype = torch.int64 if inputs.vocabulary else torch.float32
    training = network.training
    try:
        ones = torch.ones(1, *inputs.shape, dtype=dtype, device=network.head.weight.device)
        features = network.eval().features(ones)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise _refusal(network.name or type(network).__name__, inputs, error) from error
    finally:
        network.train(training)
    return NetworkShape(
        embedding=features.embedding.shape[1],
        layers=tuple(tuple(layer.shape[1:]) for layer in features.layers),
        positions=() if features.positions is None else tuple(features.positions.shape[2:]),
    )


def _refusal(name: str, inputs: InputShape, error: Exception) -> CannotTake:
    article = "an" if inputs.kind == "image" else "a"
    return CannotTake(f"network '{name}' cannot take {article} {inputs.kind} of shape {inputs.shape}: {error}")
