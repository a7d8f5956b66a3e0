"""Encoders of the transformers library: random from a configuration, or with the hub's or local weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import MODEL_MAPPING, AutoConfig, AutoModel
from transformers.utils import logging

from cmkd_bench.errors import UserError
from cmkd_bench.networks.families._configurations import built_in, nearest_known
from cmkd_bench.weights import (
    HUB,
    first_line,
    is_path,
    local_weights,
    misfit,
    read_tensors,
    unavailable,
)


def load_encoder(model: str, pretrained: str, weights: Path | None, adapt: Callable[[Any], None]) -> Any:
    """Load an encoder in training mode, without the pooling layer that some have on top.

    Args:
        model: its name on the hub, or the path of a folder.
        adapt: changes the configuration of a random encoder, so that it takes the inputs.

    Raises:
        UserError: if the configuration or the weights are not available, or are another model's.
        ValueError: if it is not an encoder.
    """
    with _quiet():
        if not pretrained:
            config = _configuration(model)
            adapt(config)
            encoder = _class(config)(config)
        elif pretrained == HUB:
            encoder = _from_hub(model)
        else:
            encoder = _from_disk(model, local_weights(pretrained, f"transformers/{model}", weights))
    if getattr(encoder.config, "is_encoder_decoder", False):
        raise ValueError("expected an encoder without a decoder")
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None
    return encoder.train()


def _from_hub(model: str) -> Any:
    try:
        return AutoModel.from_pretrained(model, dtype=torch.float32)
    except Exception as error:  # whatever the hub's client raises
        raise unavailable(f"transformers/{model}", error, " with config.json and the tokenizer's files") from error


def _from_disk(model: str, path: Path) -> Any:
    network = f"transformers/{model}"
    config = _read_configuration(str(path), model) if (path / "config.json").is_file() else _configuration(model)
    tensors = read_tensors(path)
    try:
        encoder, info = _class(config).from_pretrained(
            None, config=config, state_dict=tensors, dtype=torch.float32, output_loading_info=True
        )
    except RuntimeError as error:
        raise misfit(network, path, first_line(error)) from error
    missing = sorted(name for name in info["missing_keys"] if not name.startswith("pooler."))
    if missing:
        raise misfit(network, path, f"{len(missing)} tensors of the network are missing, e.g. {missing[0]}")
    return encoder


def _configuration(model: str) -> Any:
    if is_path(model):
        return _read_configuration(str(Path(model).expanduser()), model)
    return built_in(model) or _read_configuration(model, model)


def _read_configuration(address: str, model: str) -> Any:
    try:
        return AutoConfig.from_pretrained(address)
    except Exception as error:  # whatever the hub's client raises
        if address != model or is_path(model):
            raise UserError(f"network 'transformers/{model}': {first_line(error)}") from error
        nearest = nearest_known(model)
        hint = f" Did you mean 'transformers/{nearest}', whose configuration is built in?" if nearest else ""
        raise UserError(
            f"network 'transformers/{model}': its configuration is not available from the hub ({first_line(error)}). "
            f"Use the path of a folder with its config.json: transformers//path/to/folder.{hint}"
        ) from error


def _class(config: Any) -> Any:
    try:
        return MODEL_MAPPING[type(config)]
    except KeyError as error:
        raise ValueError(f"transformers has no encoder for a {type(config).__name__}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the library's progress bars and reports; errors are still raised."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
