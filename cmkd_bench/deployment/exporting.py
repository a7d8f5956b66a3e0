"""Export a student with torch.export, and check the exported program against it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import torch
from torch.export import Dim, ExportedProgram

from cmkd_bench.deployment.student import Student
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.files import write_bytes

ABOUT = "cmkd_bench.json"  # the extra file in an exported program
CHECKED = 32  # test samples on which the program is compared with the student
CLOSE = 1e-4  # allowed difference, relative to the largest logit; kernels and their order may differ


def export_program(student: Student, path: Path) -> None:
    """Save a student's module as a program that `torch.export.load` reads without this package.

    The program takes a batch of any size, as `Student.encode` returns it, and returns logits. Normalization, cuts and
    resizing are part of it; the tokenizer of a text is not. The extra file `cmkd_bench.json` has the class names. The
    saved program is loaded again and compared with the student on test samples before it gets its name.

    Raises:
        UserError: if torch cannot export the network, or the program computes something else.
    """
    data, modality = student.load_data(), student.spec.student_modality
    batch = student.encode(data.inputs[modality][data.parts["test"][:CHECKED]]).to(student.device)
    content = _save(_export(student, batch), student)
    program = torch.export.load(io.BytesIO(content)).module()
    with torch.no_grad():
        expected, found = student.module(batch), program(batch)
    if not torch.allclose(expected, found, rtol=CLOSE, atol=CLOSE * expected.abs().max().item()):
        difference = (expected - found).abs().max().item()
        raise UserError(
            f"the exported program of run {student.spec.id} differs from the student by up to {difference:g}, so it "
            "was not saved."
        )
    write_bytes(path, content)


def _export(student: Student, batch: torch.Tensor) -> ExportedProgram:
    example = torch.cat([batch, batch])[:2]  # torch.export would take a batch of one for the only size
    try:
        return torch.export.export(student.module, (example,), dynamic_shapes=({0: Dim("batch")},))
    except Exception as error:  # whatever the tracing of a network raises
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"torch.export cannot export network '{student.spec.student_network}': {reason}") from error


def _save(program: ExportedProgram, student: Student) -> bytes:
    about = {
        "run_id": student.spec.id,
        "method": student.spec.method,
        "dataset": student.spec.dataset,
        "modality": student.spec.student_modality,
        "classes": student.classes,
        "sample_shape": student.sample_shape,
        "dtype": "float32" if student.tokenizer is None else "int64",
    }
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files={ABOUT: json.dumps(about)})
    return buffer.getvalue()
