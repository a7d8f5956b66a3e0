"""Networks by name, `mlp` or `timm/resnet18`; each is built from the shape of its inputs and the number of classes.

Checking a name that has no slash imports neither the network nor torch.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cmkd_bench import registry  # the folder `families` would shadow a name imported from it
from cmkd_bench.composite import members_of, networks_in, split_weights
from cmkd_bench.errors import CannotTake, UnknownName, UserError, nearest_match

if TYPE_CHECKING:
    from cmkd_bench.method import NetworkShape
    from cmkd_bench.network import Builder, InputShape, InputShapes, Network, NetworkFamily


def network_names() -> list[str]:
    """Return all names, sorted, then the form of the names of each family."""
    return [*registry.networks.names(), *(f"{family}/<model>" for family in registry.families.names())]


def problem_with(name: str) -> str | None:
    """Explain why there is no such network, with the nearest match; return None if there is one.

    Whether a hub has a model is known only when the network is built.
    """
    if name in registry.networks.names():
        return None
    if found := _in_family(name):
        family, model = found
        return family.problem_with(model)
    return _suggestion(name) or str(_unknown(name))


def problem_with_fusion(name: str) -> str | None:
    """Explain why there is no such fusion, with those that there are; return None if there is one. Imports networks."""
    if name in registry.networks.names() and _fuses(name):
        return None
    fusions = [one for one in registry.networks.names() if _fuses(one)]
    if name in network_names():
        return f"network '{name}' is for one modality. Networks of several modalities: {', '.join(fusions)}."
    return str(UnknownName("network of several modalities", name, fusions, "cmkd-bench list networks"))


def tokenizer_of(name: str, pretrained: str, weights: Path | None = None) -> str:
    """Return the kind of tokenizer that a network reads texts with, as `cmkd_bench.data.tokenizers.by_name` names it.

    Raises:
        UserError: if the weights have no tokenizer with them.
    """
    found = _in_family(name)
    return found[0].tokenizer(found[1], pretrained, weights) if found else "words"


def weights_id(setting: bool | str, name: str) -> str:
    """Return what a run's record keeps of the setting `model.pretrained`.

    Args:
        setting: False, True for a hub's weights, or the path of a file or folder.
        name: name of the network. One without a family always starts from random weights.

    Returns:
        "" for random weights, "hub", or "sha256:" and 12 hexadecimal digits of the content.

    Raises:
        UserError: if there are no weights for the network at the path; the message lists the expected files.
    """
    found = _in_family(name) if setting is not False else None
    return found[0].weights_id(setting, found[1]) if found else ""


def is_large(name: str) -> bool:
    """Return whether a network is worth a GPU: the models of families are, unless the family says otherwise.

    Vectors and small signals are trained by small networks, for which starting a kernel takes longer than computing it.
    """
    if found := _in_family(name):
        return found[0].is_large
    if name not in registry.networks.names() or registry.networks.location(name).origin == registry.BUILT_IN:
        return False  # without importing it
    return bool(getattr(registry.networks.get(name), "is_large", False))


def load_networks(names: Sequence[str]) -> None:
    """Import networks now instead of when they are first built; skip those of plug-ins that are not loaded yet."""
    for name in (one for given in names for one in networks_in(given)):
        if found := _in_family(name):
            for module in found[0].modules:
                importlib.import_module(module)
        elif name in registry.networks.names():
            registry.networks.get(name)


def build_network(
    name: str, inputs: InputShapes, classes: int, pretrained: str = "", weights: Path | None = None
) -> Network:
    """Build a network. Weights that are not pretrained are drawn from the global generator.

    Args:
        name: registered, or `<family>/<model>`, or `<fusion>(<network>+<network>)` of several modalities.
        inputs: what it sees; by modality, in the order of the networks, for a fusion.
        classes: C.
        pretrained: weights of the backbone, as `weights_id` returns them: "" for random ones, "hub" for the hub's,
            "sha256:<12 digits>" for weights on this machine.
        weights: the file or folder where weights on this machine are.

    Raises:
        UnknownName: with the nearest match and the list.
        CannotTake: if the network is not made for such inputs.
        UserError: if its weights are not available.
    """
    from cmkd_bench.network import InputShape, in_words

    try:
        if isinstance(inputs, InputShape):
            network = _build_one(name, inputs, classes, pretrained, weights)
        else:
            network = _fuse(name, inputs, classes, pretrained, weights)
    except ValueError as error:
        raise CannotTake(name, in_words(inputs), error) from error
    network.name = name
    return network


def network_shape(
    name: str, inputs: InputShapes, classes: int, pretrained: str = "", weights: Path | None = None
) -> NetworkShape:
    """Return the sizes of a network's outputs without changing the global generator.

    A family's model is built on torch's meta device, without memory for its weights, or on the CPU if it cannot run
    there. Other networks are small, and are built faster on the CPU, because the meta device imports torch's compiler.
    Pretrained networks are also built on the CPU, so that weights that do not fit are found here.

    Raises:
        UserError: as for `build_network`; a CannotTake also if the inputs are too small for the network.
    """
    import torch

    from cmkd_bench.network import shape_of

    with torch.random.fork_rng(devices=()):
        if _in_family(name) and not pretrained:
            # third-party code may raise anything there; the result on the CPU is decisive
            with contextlib.suppress(Exception), torch.device("meta"):
                return shape_of(build_network(name, inputs, classes), inputs)
        return shape_of(build_network(name, inputs, classes, pretrained, weights), inputs)


def _in_family(name: str) -> tuple[NetworkFamily, str] | None:
    """Return the family and the model of a name; None for a name without a known family or without a model."""
    family, _, model = name.partition("/")
    return (registry.families.get(family)(), model) if model and family in registry.families.names() else None


def _build_one(name: str, inputs: InputShape, classes: int, pretrained: str, weights: Path | None) -> Network:
    build, is_dense = _builder(name, pretrained, weights)
    if getattr(build, "fuses", False):
        raise ValueError("it joins the networks of several modalities; choose it with model.fusion")
    if inputs.dense and not is_dense:
        raise ValueError("it returns no logits per position, which segmentation needs; use timm/<model>")
    return build(inputs, classes)


def _fuse(name: str, inputs: Mapping[str, InputShape], classes: int, pretrained: str, weights: Path | None) -> Network:
    fusion, members = members_of(name)
    build, is_dense = _builder(fusion, "", None)
    if any(shape.dense for shape in inputs.values()) and not is_dense:
        raise ValueError("it returns no logits per position, which segmentation needs; use model.fusion=concat")
    starts = split_weights(pretrained, len(members))
    networks = {
        modality: build_network(member, inputs[modality], classes, start, weights)
        for modality, member, start in zip(inputs, members, starts, strict=True)
    }
    return build(networks, classes)


def _fuses(name: str) -> bool:
    return bool(getattr(registry.networks.get(name), "fuses", False))


def _builder(name: str, pretrained: str, weights: Path | None) -> tuple[Builder, bool]:
    """Return the function that builds a network, and whether it can return logits per position."""
    if found := _in_family(name):
        family, model = found
        return lambda inputs, classes: family.build(model, inputs, classes, pretrained, weights), family.dense
    if name not in registry.networks.names():
        raise _unknown(name)
    if pretrained:
        raise UserError(f"network '{name}' has no pretrained weights; it always starts from random weights.")
    builder = registry.networks.get(name)
    return builder, getattr(builder, "dense", False)


def _unknown(name: str) -> UnknownName:
    return UnknownName("network", name, network_names(), "cmkd-bench list networks")


def _suggestion(name: str) -> str | None:
    """Return the message for a model's name that lacks its family."""
    if nearest_match(name, network_names()):
        return None
    owners = (family for family in registry.families.names() if registry.families.get(family)().has(name))
    family = next(owners, None)
    return f"unknown network '{name}'. Did you mean '{family}/{name}'?" if family else None
