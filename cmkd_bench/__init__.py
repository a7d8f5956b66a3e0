"""cmkd-bench: cross-modal knowledge distillation, compared on equal terms.

    import cmkd_bench
    results = cmkd_bench.run(methods=["kd", "c2kd"], datasets=["mfeat"], seeds=3)

Names are imported on first use, so that `import cmkd_bench` is quick and does not load torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cmkd_bench.api import load_results, load_runs, load_student, run
    from cmkd_bench.dataset import Dataset, Modality, PairedData, Source
    from cmkd_bench.declaration import ViewKind
    from cmkd_bench.errors import UserError
    from cmkd_bench.fusion import Fusion
    from cmkd_bench.method import Batch, Losses, Method, NetworkShape, Pair, Paper, Phase, Step
    from cmkd_bench.network import Extended, Features, InputShape, Network, NetworkFamily
    from cmkd_bench.outputs import Outputs
    from cmkd_bench.parameters import parameter
    from cmkd_bench.registry import Registry, register_dataset, register_family, register_method, register_network
    from cmkd_bench.search import Among, LogUniform, Uniform

_HOMES = {
    "load_results": "api",
    "load_runs": "api",
    "load_student": "api",
    "run": "api",
    "Dataset": "dataset",
    "Modality": "dataset",
    "PairedData": "dataset",
    "Source": "dataset",
    "ViewKind": "declaration",
    "UserError": "errors",
    "Fusion": "fusion",
    "Batch": "method",
    "Losses": "method",
    "Method": "method",
    "NetworkShape": "method",
    "Pair": "method",
    "Paper": "method",
    "Phase": "method",
    "Step": "method",
    "Extended": "network",
    "Features": "network",
    "InputShape": "network",
    "Network": "network",
    "NetworkFamily": "network",
    "Outputs": "outputs",
    "parameter": "parameters",
    "Registry": "registry",
    "register_dataset": "registry",
    "register_family": "registry",
    "register_method": "registry",
    "register_network": "registry",
    "Among": "search",
    "LogUniform": "search",
    "Uniform": "search",
}

__all__ = [
    "Among",
    "Batch",
    "Dataset",
    "Extended",
    "Features",
    "Fusion",
    "InputShape",
    "LogUniform",
    "Losses",
    "Method",
    "Modality",
    "Network",
    "NetworkFamily",
    "NetworkShape",
    "Outputs",
    "Pair",
    "PairedData",
    "Paper",
    "Phase",
    "Registry",
    "Source",
    "Step",
    "Uniform",
    "UserError",
    "ViewKind",
    "load_results",
    "load_runs",
    "load_student",
    "parameter",
    "register_dataset",
    "register_family",
    "register_method",
    "register_network",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cmkd_bench' has no attribute '{name}'")
    return getattr(importlib.import_module(f"cmkd_bench.{_HOMES[name]}"), name)
