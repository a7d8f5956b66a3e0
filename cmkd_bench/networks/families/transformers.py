"""Encoders of the transformers library for texts and spectrograms: `transformers/<name on the hub, or path>`."""

from __future__ import annotations

import re
from pathlib import Path

from cmkd_bench.errors import UserError
from cmkd_bench.network import InputShape, Network, NetworkFamily
from cmkd_bench.registry import register_family
from cmkd_bench.weights import HUB, is_path, local_weights, weights_id

_ON_THE_HUB = re.compile(r"[\w.-]+(/[\w.-]+)?")


@register_family("transformers")
class Transformers(NetworkFamily):
    """Encoders of texts, and the audio spectrogram transformer.

    The library takes ten seconds to import, so only the code that builds an encoder imports it.
    """

    modules = ("cmkd_bench.networks.families._text", "cmkd_bench.networks.families._spectrogram")

    def problem_with(self, model: str) -> str | None:
        if is_path(model):
            file = Path(model).expanduser() / "config.json"
            return None if file.is_file() else f"network 'transformers/{model}': no file {file}."
        if _ON_THE_HUB.fullmatch(model):
            return None
        return f"network 'transformers/{model}': expected a name on the hub (owner/name) or a path such as ./folder"

    def has(self, model: str) -> bool:
        from cmkd_bench.networks.families._configurations import built_in

        return built_in(model) is not None

    def tokenizer(self, model: str, pretrained: str, weights: Path | None) -> str:
        """Return `wordpiece` for a random encoder, `pretrained:<name on the hub, or folder>` for a pretrained one."""
        if not pretrained:
            return "wordpiece"
        if pretrained == HUB:
            return f"pretrained:{model}"
        network = f"transformers/{model}"
        path = local_weights(pretrained, network, weights)
        if not path.is_dir():
            raise UserError(
                f"network '{network}' needs the tokenizer that it was trained with, but {path} is a single file. Put "
                "the weights into a folder as model.safetensors, with config.json and tokenizer.json or vocab.txt "
                "beside it."
            )
        return f"pretrained:{path}"

    def weights_id(self, setting: bool | str, model: str) -> str:
        return weights_id(setting, model)

    def build(self, model: str, inputs: InputShape, classes: int, pretrained: str, weights: Path | None) -> Network:
        """Build an encoder for texts, or the audio spectrogram transformer for spectrograms."""
        if inputs.kind == "spectrogram":
            from cmkd_bench.networks.families._spectrogram import SpectrogramTransformer

            return SpectrogramTransformer.build(model, inputs, classes, pretrained, weights)
        if not inputs.vocabulary:
            raise ValueError("expected token ids or a spectrogram")
        from cmkd_bench.networks.families._text import TextEncoder

        return TextEncoder.build(model, inputs, classes, pretrained, weights)
