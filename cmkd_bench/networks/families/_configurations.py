"""Configurations of well-known transformers by their names on the hub, available without the hub."""

from __future__ import annotations

import re
from typing import Any

from transformers import ASTConfig, BertConfig, DistilBertConfig, PretrainedConfig, RobertaConfig

from cmkd_bench.errors import nearest_match

_OWNERS = {"google-bert", "distilbert", "FacebookAI"}  # the hub lists the same models under these today
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
    """Return the names in the table; google/bert_uncased_L-<layers>_H-<width>_A-<heads> is known, too."""
    return list(_table())


def built_in(model: str) -> PretrainedConfig | None:
    """Return a new configuration of that name, or None if only the hub knows it."""
    if found := _BERT.fullmatch(model):
        layers, width, heads = map(int, found.groups())
        return _bert(layers, width, heads)
    owner, _, name = model.rpartition("/")
    return _table().get(name if owner in _OWNERS else model)


def nearest_known(model: str) -> str | None:
    """Return the name in the table that is most like the given one."""
    return nearest_match(model, known_names())
