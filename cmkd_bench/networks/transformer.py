"""A small BERT encoder, trained from scratch, for short texts."""

from __future__ import annotations

from torch import Tensor, nn
from transformers import BertConfig, BertModel

from cmkd_bench.networks.base import Features, InputShape, Network, register_network
from cmkd_bench.outputs import mean_over_positions

WIDTH = 32


@register_network("transformer")
class Transformer(Network):
    """Two layers, four heads, 32 wide; the embedding is the mean over the valid tokens. Token 0 is padding."""

    def __init__(self, inputs: InputShape, classes: int) -> None:
        super().__init__()
        if not inputs.vocabulary:
            raise ValueError("token ids are wanted")
        self.encoder = BertModel(
            BertConfig(
                vocab_size=inputs.vocabulary,
                hidden_size=WIDTH,
                num_hidden_layers=2,
                num_attention_heads=4,
                intermediate_size=2 * WIDTH,
                max_position_embeddings=inputs.shape[0],
                attention_probs_dropout_prob=0.0,  # a fifth of a step's time on a CPU, for texts of a few words
                attn_implementation="sdpa",
            ),
            add_pooling_layer=False,
        )
        self.head = nn.Linear(WIDTH, classes)

    def features(self, inputs: Tensor) -> Features:
        mask = inputs != 0
        # hidden_states[0] is the embedding layer; what follows are the encoder's layers
        layers = self.encoder(input_ids=inputs, attention_mask=mask, output_hidden_states=True).hidden_states[1:]
        maps = [layer.transpose(1, 2) for layer in layers]
        return Features(mean_over_positions(maps[-1], mask), maps, mask)
