"""Which runs share a GPU: as many as fit into its memory, which is measured in the first epoch of each kind of run."""

from __future__ import annotations

from cmkd_bench.experiment.spec import RunSpec

CONTEXT_MB = 600.0  # of a process that has opened a GPU; 518 MB on an H100
USED_SHARE = 0.95  # of the memory that is free at the start
MARGIN = 1.1  # of a run over the measured one of its kind
# Of an unmeasured method over the measured ones with the same networks: C2KD takes 1.5 times the memory of KD.
MARGIN_FOR_OTHERS = 2.0

Kind = tuple[object, ...]


class GpuRoom:
    """The memory of each GPU, and the runs that share it.

    A run of an unknown kind gets a GPU of its own until it has ended an epoch. After that, the GPU is shared.
    """

    def __init__(self) -> None:
        self._room: dict[str, float] = {}  # by device, the MB for all runs together, once measured
        self._taken: dict[Kind, float] = {}  # by kind, the most MB that a run of it took
        self._running: dict[str, dict[str, float | None]] = {}  # by device and run, its MB; None while unknown

    def fits(self, device: str, spec: RunSpec) -> bool:
        """Return whether a run fits beside those that use a GPU now."""
        taken = list(self._running.get(device, {}).values())
        if not taken:
            return True
        known = [mb for mb in taken if mb is not None]
        need = self._expected(spec)
        if need is None or device not in self._room or len(known) < len(taken):
            return False
        return sum(known) + need <= self._room[device]

    def start(self, device: str, spec: RunSpec) -> None:
        """Note that a run starts on a GPU."""
        self._running.setdefault(device, {})[spec.id] = self._expected(spec)

    def measure(self, device: str, spec: RunSpec, peak_mb: float, free_mb: float) -> None:
        """Note what a run that has ended an epoch takes, and what is free beside it."""
        taken = peak_mb + CONTEXT_MB
        # The first run is alone on its GPU, so what it takes and what is free are all that there is for our runs.
        self._room.setdefault(device, USED_SHARE * (taken + free_mb))
        for kind in (_kind(spec), _networks(spec)):
            self._taken[kind] = max(taken, self._taken.get(kind, 0.0))
        running = self._running.get(device, {})
        if spec.id in running:
            running[spec.id] = taken

    def end(self, device: str, run_id: str) -> None:
        """Note that a run has ended."""
        self._running.get(device, {}).pop(run_id, None)

    def _expected(self, spec: RunSpec) -> float | None:
        if (same := self._taken.get(_kind(spec))) is not None:
            return MARGIN * same
        similar = self._taken.get(_networks(spec))
        return None if similar is None else MARGIN_FOR_OTHERS * similar


def _networks(spec: RunSpec) -> Kind:
    batch = dict(spec.recipe).get("batch_size")
    return (spec.dataset, spec.student_modality, *spec.networks, batch)


def _kind(spec: RunSpec) -> Kind:
    return (*_networks(spec), spec.method, spec.teacher_modality)
