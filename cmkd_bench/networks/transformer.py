"""A small BERT encoder, trained from scratch, for short texts."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cmkd_bench.network import Features, InputShape, Network
from cmkd_bench.outputs import mean_over_positions
from cmkd_bench.registry import register_network

WIDTH, LAYERS, HEADS = 32, 2, 4
PAD = 0
DROPOUT = 0.1  # not on attention weights, where it takes a fifth of a step's time on a CPU for short texts
INITIAL_DEVIATION = 0.02
EPSILON = 1e-12


@register_network("transformer")
class Transformer(Network):
    """Two layers, four heads, 32 wide; the embedding is the mean over the valid tokens. Token 0 is padding.

    It computes the same as BertModel of the transformers library, which takes ten seconds to import.
    """

    def __init__(self, inputs: InputShape, classes: int) -> None:
        super().__init__()
        if not inputs.vocabulary:
            raise ValueError("expected token ids")
        self.encoder = _Encoder(inputs.vocabulary, inputs.shape[0]).apply(_initialize)
        self.head = nn.Linear(WIDTH, classes)

    def features(self, inputs: Tensor) -> Features:
        """Compute the features of (B, L) token ids."""
        valid = inputs != PAD
        maps = [layer.transpose(1, 2) for layer in self.encoder(inputs, valid)]
        return Features(mean_over_positions(maps[-1], valid), maps, valid)


class _Encoder(nn.Module):
    """The sum of word, position and segment embeddings, then the layers. All tokens belong to the first segment."""

    def __init__(self, vocabulary: int, length: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, WIDTH, padding_idx=PAD)
        self.positions = nn.Embedding(length, WIDTH)
        self.segments = nn.Embedding(2, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, EPSILON)
        self.layers = nn.ModuleList(_Layer() for _ in range(LAYERS))

    def forward(self, tokens: Tensor, valid: Tensor) -> list[Tensor]:
        """Return the outputs of the layers, (B, L, D) each, for (B, L) token ids and whether each is valid."""
        positions = torch.arange(tokens.shape[1], device=tokens.device).unsqueeze(0)
        hidden = self.words(tokens) + self.segments(torch.zeros_like(tokens)) + self.positions(positions)
        hidden = F.dropout(self.norm(hidden), DROPOUT, self.training)
        outputs = []
        for layer in self.layers:
            hidden = layer(hidden, valid)
            outputs.append(hidden)
        return outputs


class _Layer(nn.Module):
    """Self-attention, then a perceptron; each with dropout, a residual connection and layer normalization."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.output = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.attention_norm = nn.LayerNorm(WIDTH, EPSILON)
        self.expand, self.reduce = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, EPSILON)

    def forward(self, hidden: Tensor, valid: Tensor) -> Tensor:
        attended = F.dropout(self.output(self._attend(hidden, valid)), DROPOUT, self.training)
        hidden = self.attention_norm(attended + hidden)
        changed = F.dropout(self.reduce(F.gelu(self.expand(hidden))), DROPOUT, self.training)
        result: Tensor = self.norm(changed + hidden)
        return result

    def _attend(self, hidden: Tensor, valid: Tensor) -> Tensor:
        query, key, value = (
            project(hidden).unflatten(2, (HEADS, -1)).transpose(1, 2) for project in (self.query, self.key, self.value)
        )
        mask = valid[:, None, None].expand(-1, -1, hidden.shape[1], -1)
        return F.scaled_dot_product_attention(query, key, value, mask).transpose(1, 2).flatten(2)


def _initialize(module: nn.Module) -> None:
    """Initialize as BERT does: normal weights, zero biases, and a zero embedding for padding."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=INITIAL_DEVIATION)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
    if isinstance(module, nn.Embedding) and module.padding_idx is not None:
        with torch.no_grad():
            module.weight[module.padding_idx].zero_()
