"""Configurations of well-known transformers that need no hub, by their names there."""

from __future__ import annotations

import re
from typing import Any

from transformers import ASTConfig, BertConfig, DistilBertConfig, PretrainedConfig, RobertaConfig

from cmkd_bench.errors import nearest_match

_OWNERS = {"google-bert", "distilbert", "FacebookAI"}  # under which the same models are listed on the hub today
_BERT = re.compile(r"google/bert_uncased_L-(\d+)_H-(\d+)_A-(\d+)")


def _bert(layers: int, width: int, heads: int, **options: Any) -> BertConfig:
    return BertConfig(
        num_hidden_layers=layers,
        hidden_size=width,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        **options,
    )


def _table() -> dict[str, PretrainedConfig]:
    return {
        "bert-base-uncased": BertConfig(),
        "bert-base-cased": BertConfig(vocab_size=28996),
        "bert-large-uncased": _bert(24, 1024, 16),
        "prajjwal1/bert-tiny": _bert(2, 128, 2),
        "prajjwal1/bert-mini": _bert(4, 256, 4),
        "prajjwal1/bert-small": _bert(4, 512, 8),
        "prajjwal1/bert-medium": _bert(8, 512, 8),
        "distilbert-base-uncased": DistilBertConfig(),
        "roberta-base": RobertaConfig(
            vocab_size=50265, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5
        ),
        "MIT/ast-finetuned-audioset-10-10-0.4593": ASTConfig(),
    }


def known_names() -> list[str]:
    """The names in the table; beside them stands google/bert_uncased_L-<layers>_H-<width>_A-<heads>."""
    return list(_table())


def built_in(model: str) -> PretrainedConfig | None:
    """A new configuration of that name, or None where only the hub knows it."""
    if found := _BERT.fullmatch(model):
        layers, width, heads = map(int, found.groups())
        return _bert(layers, width, heads)
    owner, _, name = model.rpartition("/")
    return _table().get(name if owner in _OWNERS else model)


def nearest_known(model: str) -> str | None:
    """The name in the table that is most like the given one."""
    return nearest_match(model, known_names())
