"""An experiment whose texts try to be markup, with runs in every state."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from made_runs import write_experiment

from cmkd_bench.experiment.files import read_json, write_json
from cmkd_bench.experiment.plan import Cell
from cmkd_bench.experiment.record import write_plan
from cmkd_bench.experiment.store import Experiment

METHOD = "<script>alert(1)</script>"
DATASET = "<img src=x onerror=alert(2)>"
ERROR = "</script><script>document.title='owned'</script> & \u2028 'loss' is \"nan\""
SHOWN_ERROR = ERROR.replace("\u2028", r"\u2028")
REASON = "<b>needs</b> one label per sample"
SHARES = {"none": 0.6, "shuffled": 0.3, "kd": 0.7, METHOD: 0.8, "aside": 0.5}


def write_hostile(root: Path) -> Experiment:
    """Rows of SHARES; `kd` seed 1 has failed, `aside` seed 0 is pending, and `aside` is not defined the other way."""
    experiment = write_experiment(root, SHARES, dataset=DATASET)
    plan = read_json(experiment.plan)
    cells = [Cell(**cell) for cell in plan["cells"]]
    for i, cell in enumerate(cells):
        if (cell.method, cell.seed, cell.teacher_modality) == ("kd", 1, "audio"):
            experiment.run(cell.run_id).result.unlink()
            write_json(experiment.run(cell.run_id).error, {"cause": "non-finite loss", "message": ERROR})
        if (cell.method, cell.seed, cell.teacher_modality) == ("aside", 0, "audio"):
            experiment.run(cell.run_id).result.unlink()
        if (cell.method, cell.teacher_modality) == ("aside", "video"):
            cells[i] = dataclasses.replace(cell, run_id="", impossible=REASON)
        if (cell.method, cell.seed) == (METHOD, 0):
            epoch = {"phase": "train", "losses": {}, "logged": {}}
            values = enumerate([60.0, 75.0, 70.0], 1)
            history = [epoch | {"epoch": number, "selection": value} for number, value in values]
            write_json(experiment.run(cell.run_id).history, history)
            folder = experiment.run(cell.run_id)
            folder.write_result(folder.read_result() | {"best_epoch": 2, "val_value": 75.0, "epochs": 3})
    write_plan(experiment, plan | {"cells": list(map(dataclasses.asdict, cells))})
    return experiment
