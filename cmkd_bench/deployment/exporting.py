"""Export a module with torch.export, and check that the exported program computes the same."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from cmkd_bench.errors import UserError

ABOUT = "cmkd_bench.json"  # the extra file in an exported program
CLOSE = 1e-4  # allowed difference, relative to the largest logit: an exported program may use other kernels


def exported(module: nn.Module, batch: Tensor, about: Mapping[str, Any]) -> bytes:
    """Return a file of torch.export with a module that takes batches of any size.

    Args:
        module: maps a batch to logits, in evaluation mode.
        batch: on which the program, loaded again from the file, is compared with the module.
        about: what is stored beside the program, as JSON.

    Raises:
        UserError: if torch cannot export the module, or the program computes something else.
    """
    buffer = io.BytesIO()
    torch.export.save(_export(module, batch), buffer, extra_files={ABOUT: json.dumps(about)})
    program = torch.export.load(io.BytesIO(buffer.getvalue())).module()
    with torch.no_grad():
        expected, found = module(batch), program(batch)
    if not torch.allclose(expected, found, rtol=CLOSE, atol=CLOSE * expected.abs().max().item()):
        difference = (expected - found).abs().max().item()
        raise UserError(
            f"the exported program differs from the student by up to {difference:g}, so it was not saved. Use the "
            "student itself."
        )
    return buffer.getvalue()


def _export(module: nn.Module, batch: Tensor) -> ExportedProgram:
    _start_autograd()
    example = torch.cat([batch, batch])[:2]  # torch.export would take a batch of one for the only size
    try:
        return torch.export.export(module, (example,), dynamic_shapes=({0: Dim("batch")},))
    except Exception as error:  # whatever the tracing of a network raises
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"torch.export cannot export this student: {reason}") from error


def _start_autograd() -> None:
    """Start autograd before torch.export does, which pretends that there is a further device.

    Autograd starts a thread for each device when it is used first, and a process with such threads cannot fork workers
    that train. So a grid that is run after an export would fail.
    """
    torch.zeros((), requires_grad=True).backward()  # type: ignore[no-untyped-call]
