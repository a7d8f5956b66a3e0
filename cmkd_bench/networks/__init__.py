"""Networks by name; each is built from the shape of its inputs and the number of classes."""

from cmkd_bench.networks.base import Network, build_network, network_names, register_network, shape_of

__all__ = ["Network", "build_network", "network_names", "register_network", "shape_of"]
