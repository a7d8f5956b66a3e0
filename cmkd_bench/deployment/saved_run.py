"""Read what a finished run saved: its test predictions, and the network that it deploys, with its weights."""

from __future__ import annotations

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from cmkd_bench.config.roots import Roots
from cmkd_bench.config.settings_files import DEVICES
from cmkd_bench.errors import UnknownName, UserError
from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.store import Experiment, RunFolder
from cmkd_bench.training.assembly import Assembly, BadData

# Other devices and builds of torch round differently; other networks or data differ by much more.
CLOSE = 1e-2


def torch_device(name: str) -> torch.device:
    """Return the device with a name, `cpu` or `cuda`.

    Raises:
        UserError: for another name, or if there is no GPU.
    """
    if name not in DEVICES:
        raise UnknownName("device", name, DEVICES)
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("device 'cuda': torch finds no GPU. Use the device 'cpu'.")
    return torch.device(name)


def read_predictions(folder: RunFolder) -> dict[str, Tensor]:
    """Return the saved test predictions: logits and labels, or confusion matrices.

    Raises:
        Damaged: if they are missing or damaged.
    """
    try:
        folder.check(folder.predictions)
        found: dict[str, Tensor] = load_file(folder.predictions)
    except (OSError, SafetensorError) as error:
        raise Damaged(folder.predictions, f"cannot be read: {error}") from error
    return found


def open_run(experiment: Experiment, run_id: str, device: torch.device, roots: Roots) -> tuple[Assembly, nn.Module]:
    """Return the data of a finished run, and what it deploys with its saved weights, on the device.

    Raises:
        UserError: if files are missing or damaged, or the data have changed.
    """
    folder = experiment.run(run_id)
    try:
        parts = Assembly(experiment.read_spec(run_id), device, roots)
    except BadData as error:
        raise UserError(f"cannot load run {run_id}: {error}. Rerun the grid.") from error
    network = parts.deployed()
    try:
        folder.check(folder.weights)
        network.load_state_dict(load_file(folder.weights))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise Damaged(folder.weights, f"cannot be read: {error}") from error
    return parts, network.to(device).eval()


def check_reproduced(run_id: str, saved: Tensor, again: Tensor) -> None:
    """Check that a loaded network reproduces saved logits or confusion matrices.

    Raises:
        UserError: if it does not.
    """
    scale = saved.abs().max().item()
    if saved.shape != again.shape or not torch.allclose(saved.float(), again.float(), rtol=CLOSE, atol=CLOSE * scale):
        raise UserError(
            f"run {run_id}: the saved student does not reproduce the saved predictions, so this version of the code "
            "builds another network. Run the grid with this version under another --experiment."
        )
