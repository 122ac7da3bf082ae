"""Chunks on Dask: results in order, progress, cancel, fairness, killed workers."""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import psutil
import pytest

from galviz.work import chunks as compute
from galviz.work.chunks import Work

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def workers():
    """One local worker for the whole module, closed at its end."""
    connection = compute.client()
    yield connection
    cluster = connection.cluster
    connection.close()
    cluster.close()
    compute._connect.cache_clear()


def test_results_come_in_the_order_of_the_chunks():
    work = Work("operator:mul", [(k, 10) for k in range(30)])
    assert work.results(30) == [10 * k for k in range(30)]
    assert (work.status, work.done, work.eta_s) == ("done", 30, 0.0)


def test_chunks_run_in_another_process():
    assert Work("os:getpid", [()]).results(30) != [os.getpid()]


def test_progress_is_told_and_each_result_is_taken_once():
    received = threading.Event()
    work = Work("time:sleep", [(0.05,)] * 6, on_change=received.set)
    assert received.wait(20)
    work.results(30)
    first = work.new_results()
    assert sorted(number for number, _ in first) == list(range(6))
    assert work.new_results() == []


def test_eta_falls_to_nothing():
    work = Work("time:sleep", [(0.1,)] * 10)
    assert work.eta_s is None
    while not work.done:
        time.sleep(0.01)
    assert 0 < work.eta_s < 10
    work.results(30)
    assert work.eta_s == 0


def test_cancel_ends_within_a_second_and_frees_the_worker():
    work = Work("time:sleep", [(0.1,)] * 200)
    while not work.done:
        time.sleep(0.01)
    start = time.monotonic()
    work.cancel()
    assert Work("operator:neg", [(1,)]).results(30) == [-1]
    assert time.monotonic() - start < 1
    assert work.status == "cancelled"
    with pytest.raises(RuntimeError, match="cancelled"):
        work.results(1)


def test_a_short_work_does_not_wait_for_a_long_one_before_it():
    long = Work("time:sleep", [(0.1,)] * 100)
    while not long.done:
        time.sleep(0.01)
    start = time.monotonic()
    Work("time:sleep", [(0.01,)] * 3).results(30)
    assert time.monotonic() - start < 3
    assert long.status == "running"
    long.cancel()


def test_a_failing_chunk_fails_the_work_and_says_why():
    work = Work("operator:truediv", [(1, 1), (1, 0)])
    with pytest.raises(RuntimeError, match="ZeroDivisionError: division by zero"):
        work.results(30)


def test_a_killed_worker_loses_nothing():
    pid = Work("os:getpid", [()]).results(30)[0]
    work = Work("time:sleep", [(0.05,)] * 20)
    while work.done < 3:
        time.sleep(0.01)
    psutil.Process(pid).send_signal(signal.SIGKILL)
    assert len(work.results(60)) == 20
    assert Work("os:getpid", [()]).results(30)[0] != pid


def test_no_chunks_are_done_at_once():
    assert Work("operator:neg", []).results(0) == []


def test_a_scheduler_that_does_not_answer_is_an_error_not_a_hang():
    code = (
        "from galviz.work.chunks import Work; w = Work('operator:neg', [(1,)])\n"
        "try: w.results(60)\nexcept RuntimeError as e: print(e)"
    )
    environment = os.environ | {
        "GALVIZ_SCHEDULER": "tcp://127.0.0.1:1",
        "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2s",
    }
    answer = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=90, check=True
    )
    assert "no workers" in answer.stdout


def test_another_process_of_the_machine_cannot_use_the_workers(workers):
    """A process without the certificate gets no answer; with a plain connection it could run any code."""
    address = workers.cluster.scheduler_address
    assert address.startswith("tls://127.0.0.1:")
    script = (
        "import sys\n"
        "from distributed import Client\n"
        "from distributed.security import Security\n"
        "security = Security.temporary() if sys.argv[2] == 'other' else None\n"
        "Client(sys.argv[1], timeout=3, security=security).submit(print, 1).result()\n"
    )
    for where, how in ((address, "none"), (address, "other"), (address.replace("tls", "tcp"), "none")):
        stranger = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script, where, how], check=False, capture_output=True
        )
        assert stranger.returncode != 0, (where, how)
    assert Work("operator:mul", [(6, 7)]).results(30) == [42]


def test_there_is_no_dashboard_and_nothing_listens_beyond_this_machine(workers):
    scheduler = workers.cluster.scheduler
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://127.0.0.1:{scheduler.http_server.port}/status", timeout=10)
    open_ports = [c.laddr for c in psutil.Process().net_connections() if c.status == psutil.CONN_LISTEN]
    worker = psutil.Process(Work("os:getpid", [()]).results(30)[0])
    open_ports += [c.laddr for c in worker.net_connections() if c.status == psutil.CONN_LISTEN]
    assert open_ports
    assert {address.ip for address in open_ports} <= {"127.0.0.1", "::1"}
