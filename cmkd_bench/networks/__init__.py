"""Networks by name; each is built from the shape of its inputs and the number of classes."""

from cmkd_bench.networks.base import Network, build_network, network_names, register_network, shape_of
from cmkd_bench.networks.names import problem_with, tokenizer_of
from cmkd_bench.networks.weights import weights_id

__all__ = [
    "Network",
    "build_network",
    "network_names",
    "problem_with",
    "register_network",
    "shape_of",
    "tokenizer_of",
    "weights_id",
]
