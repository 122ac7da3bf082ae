"""The state of a training, which is written once a second whatever a GPU answers."""

import torch

from galviz.nn.training.checkpoints import Heartbeat


class Recording:
    """In place of a run."""

    def __init__(self):
        self.states = []

    def stop_requested(self):
        return False

    def write_state(self, **fields):
        self.states.append(fields)


def test_a_gpu_that_cannot_say_its_load_does_not_end_the_heartbeat(monkeypatch):
    class NVMLError_Unknown(Exception):  # noqa: N801, N818 - as pynvml names it; it is no RuntimeError
        pass

    requested = []

    def failing(device=None):
        requested.append(device)
        raise NVMLError_Unknown

    monkeypatch.setattr(torch.cuda, "utilization", failing)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device=None: 7 * 2**20 * (device == "cuda:1"))
    run = Recording()
    Heartbeat(run, status="running", device="cuda:1").write()
    assert run.states == [{"status": "running", "device": "cuda:1", "memory_mb": 7, "load": None}]
    assert requested == ["cuda:1"]  # of the training, not the first one
    Heartbeat(run, status="running").write()
    assert run.states[-1]["memory_mb"] > 7
    assert run.states[-1]["load"] is not None
