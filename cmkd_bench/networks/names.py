"""What the name of a network says before it is built: whether there is such a one, and which tokenizer it needs."""

from __future__ import annotations

import re
from pathlib import Path

from cmkd_bench.errors import UnknownName, UserError, nearest_match
from cmkd_bench.networks.base import network_names
from cmkd_bench.networks.weights import HUB, is_path, local_weights

_ON_THE_HUB = re.compile(r"[\w.-]+(/[\w.-]+)?")


def problem_with(name: str) -> str | None:
    """Why there is no such network, with the nearest match; None where there is one.

    Whether the hub has a model of transformers is known only when it is asked.
    """
    family, slash, model = name.partition("/")
    if name in network_names() and not slash:
        return None
    if family == "timm" and model:
        from cmkd_bench.networks.timm_backbones import problem_with_model

        return problem_with_model(model)
    if family == "transformers" and model:
        return _problem_with_transformer(model)
    return _suggestion(name) or str(UnknownName("network", name, network_names()))


def tokenizer_of(network: str, pretrained: str) -> str:
    """Which tokenizer feeds a network, as `cmkd_bench.data.tokenizers.build.tokenizer` understands it.

    Args:
        network: its name.
        pretrained: as for `build_network`.

    Returns:
        `words` for a registered network, `wordpiece` for a random encoder, `pretrained:<name on the hub, or folder>`
        for a pretrained one.

    Raises:
        UserError: if the local weights are a single file, which has no tokenizer.
    """
    family, slash, model = network.partition("/")
    if not slash or family != "transformers":
        return "words"
    if not pretrained:
        return "wordpiece"
    if pretrained == HUB:
        return f"pretrained:{model}"
    path = local_weights(pretrained, network)
    if not path.is_dir():
        raise UserError(
            f"network '{network}' needs the tokenizer that it was trained with, and {path} is a single file. Put the "
            f"weights into a folder as model.safetensors, with config.json and tokenizer.json or vocab.txt beside it."
        )
    return f"pretrained:{path}"


def _problem_with_transformer(model: str) -> str | None:
    if is_path(model):
        folder = Path(model).expanduser()
        if (folder / "config.json").is_file():
            return None
        return f"network 'transformers/{model}': no config.json in {folder}, which is where it is looked for."
    if _ON_THE_HUB.fullmatch(model):
        return None
    return f"network 'transformers/{model}': neither a name on the hub (owner/name) nor a path that begins with / or ./"


def _suggestion(name: str) -> str | None:
    """The message for a model's name without its family."""
    from cmkd_bench.networks.configurations import built_in

    if nearest_match(name, network_names()):
        return None
    import timm

    family = "timm" if timm.is_model(name.partition(".")[0]) else "transformers" if built_in(name) else None
    return f"unknown network '{name}'. Did you mean '{family}/{name}'?" if family else None
