from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForSequenceClassification

from cmkd_bench.networks import build_network

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "flood", "fire", "in", "the", "city", "##s"]


@pytest.fixture
def built():
    """Builds a network from a seed of its own."""

    def build(name, shape, classes=4, pretrained="", seed=0, weights=None):
        torch.manual_seed(seed)
        return build_network(name, shape, classes, pretrained, weights)

    return build


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """The hub out of reach and nothing of it on this machine."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def bert_folder(tmp_path):
    """A tiny classifier of the BERT family as it is saved on the hub: weights, configuration, vocabulary."""
    folder = tmp_path / "somewhere" / "tiny-bert"
    folder.mkdir(parents=True)
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=12,
    )
    save_file(BertForSequenceClassification(config).state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True})
    )
    return folder
