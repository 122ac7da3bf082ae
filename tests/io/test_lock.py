"""A lock names its holder, and is free again when the holder is gone, however it went."""

import json
import os
import platform
import signal
import subprocess
import sys

import pytest

from galviz.io import lock as locking
from galviz.io.lock import holder_of, one_holder

HOLD = """
import sys, time
from pathlib import Path
from galviz.io.lock import one_holder
with one_holder(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_killed_holder_is_named_while_it_lives_and_then_succeeded(tmp_path):
    lock = tmp_path / "lock.json"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        message = f"in use by process {process.pid} on {platform.node()}"
        with pytest.raises(RuntimeError, match=message), one_holder(lock):
            pass
        process.send_signal(signal.SIGKILL)
    assert lock.exists()
    with one_holder(lock):
        assert holder_of(lock)["pid"] == os.getpid()
    assert not lock.exists()


@pytest.mark.parametrize("content", ["", '{"pid": ', "[]", "{}"])
def test_a_lock_that_was_damaged_when_the_machine_went_down_is_taken_over(tmp_path, content):
    lock = tmp_path / "lock.json"
    lock.write_text(content)
    with one_holder(lock):
        assert holder_of(lock)["pid"] == os.getpid()


def test_a_lock_that_is_released_while_it_is_read_is_free(tmp_path, monkeypatch):
    lock, read = tmp_path / "lock.json", locking.read_json
    lock.write_text("{}")

    def read_too_late(file):
        if lock.exists():
            lock.unlink()
        monkeypatch.setattr(locking, "read_json", read)
        return read(file)

    monkeypatch.setattr(locking, "read_json", read_too_late)
    with one_holder(lock):
        assert holder_of(lock)["pid"] == os.getpid()


def test_a_holder_that_another_host_has_succeeded_leaves_the_lock_to_it(tmp_path):
    lock, other = tmp_path / "lock.json", {"host": "elsewhere", "pid": 42, "heartbeat": 0.0}
    with one_holder(lock):
        lock.write_text(json.dumps(other))
    assert holder_of(lock) == other
