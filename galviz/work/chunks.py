"""Slow computations in chunks on Dask, with progress, ETA and cancel.

Several users share the workers fairly, and a chunk is repeated if its worker is killed.

By default there is one worker process on this machine, started when it is first needed.
``GALVIZ_SCHEDULER=tcp://host:port`` sends the chunks to a cluster instead, whose workers must have galviz installed.
The function of a chunk is named by a string (``"galviz.nn.explain.occlusion:occlude"``) that only the worker
resolves. So a page never imports torch.

The local worker uses TLS with its own certificates, and has no dashboard. ``GALVIZ_DASK_DASHBOARD=127.0.0.1:8787``
starts one.
"""

import atexit
import os
import threading
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from distributed import Client, Future

Status = Literal["running", "done", "cancelled", "failed"]
_RETRIES = 2  # times that a chunk is repeated if its worker was killed
_AHEAD = 2  # chunks of one job per thread of the cluster; the rest waits here, so that other users get their turn
# The C library must keep freed memory. Otherwise large convolutions return it to the kernel and request it again for
# each layer, which takes longer than the arithmetic.
_WORKER_ENVIRONMENT = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**34),
}


class Work:
    """One slow computation, split into chunks that run on the workers.

    Parameters
    ----------
    function : str
        ``"module:name"`` of the function, importable by the workers.
    chunks : sequence of tuple
        The positional arguments of each call. A call should take well under a second, because cancelling does not
        interrupt a running chunk.
    on_change : callable, optional
        Called without arguments, in another thread, whenever a chunk is done and at the end.

    Attributes
    ----------
    status : {"running", "done", "cancelled", "failed"}
    error : str
        Reason of a failure, or ``""``.
    total, done : int
        Number of all chunks, and of finished ones.
    """

    def __init__(self, function: str, chunks: Sequence[tuple], on_change: Callable[[], None] | None = None) -> None:
        self.function, self.total, self.done = function, len(chunks), 0
        self.status: Status = "running" if chunks else "done"
        self.error = ""
        # Reversed, because pop() takes the last one first.
        self._waiting = list(enumerate(chunks))[::-1]
        self._flying: dict[str, Future] = {}
        self._results: list[Any] = [None] * len(chunks)
        self._new: list[int] = []
        self._lock, self._ended = threading.RLock(), threading.Event()
        self._on_change = on_change or (lambda: None)
        self._start = time.monotonic()
        if chunks:
            # In a thread: the first request starts the worker, which takes seconds, and a page must not wait for it.
            threading.Thread(target=self._begin, name="galviz-work", daemon=True).start()
        else:
            self._ended.set()

    @property
    def eta_s(self) -> float | None:
        """Estimated seconds until the end, from the mean time per chunk. None before the first chunk is done."""
        if not self.done or self.status != "running":
            return 0.0 if self.status == "done" else None
        return (time.monotonic() - self._start) / self.done * (self.total - self.done)

    def new_results(self) -> list[tuple[int, Any]]:
        """Return the results since the last call, as pairs (index of the chunk, result)."""
        with self._lock:
            new, self._new = self._new, []
            return [(number, self._results[number]) for number in new]

    def results(self, timeout: float | None = None) -> list[Any]:
        """Wait for the end and return all results, in the order of the chunks.

        Parameters
        ----------
        timeout : float, optional
            Longest time to wait, seconds.

        Raises
        ------
        TimeoutError
            If it is not done in this time.
        RuntimeError
            If a chunk failed, or the work was cancelled.
        """
        if not self._ended.wait(timeout):
            raise TimeoutError(f"timeout: expected {self.total} chunks within {timeout} s, got {self.done}.")
        if self.status != "done":
            raise RuntimeError(
                f"{self.function}: expected {self.total} chunks, got {self.done}: {self.error or self.status}."
            )
        return self._results

    def cancel(self) -> None:
        """Cancel all chunks that are not done. Returns at once."""
        self._end("cancelled", "")

    def _begin(self) -> None:
        try:
            connection = client()
            threads = sum(connection.nthreads().values())
        except Exception as error:  # noqa: BLE001 - any error must reach the page
            self._end("failed", f"no workers: {error}")
            return
        for _ in range(_AHEAD * max(1, threads)):
            self._send_next(connection)

    def _send_next(self, connection: "Client") -> None:
        with self._lock:
            if self.status != "running" or not self._waiting:
                return
            number, chunk = self._waiting.pop()
            # pure=False: equal arguments are computed again, as the weights of a run may have changed.
            future = connection.submit(call, self.function, *chunk, pure=False, retries=_RETRIES)
            # Dask forgets a result that no one holds.
            self._flying[future.key] = future
        future.add_done_callback(lambda future: self._receive(connection, number, future))

    def _receive(self, connection: "Client", number: int, future: "Future") -> None:
        if self.status != "running" or future.cancelled():
            return
        if future.status == "error":
            self._end("failed", f"{type(future.exception()).__name__}: {future.exception()}")
            return
        result = future.result()
        with self._lock:
            self._flying.pop(future.key, None)
            self._results[number] = result
            self._new.append(number)
            self.done += 1
            finished = self.done == self.total
        if finished:
            self._end("done", "")
        else:
            self._send_next(connection)
            self._on_change()

    def _end(self, status: Status, error: str) -> None:
        with self._lock:
            if self.status != "running":
                return
            self.status, self.error = status, error
            flying, self._flying, self._waiting = list(self._flying.values()), {}, []
        for future in flying:
            future.cancel()
        self._ended.set()
        self._on_change()


def client() -> "Client":
    """Return the connection to the workers. It is created on first use and shared by the whole process.

    Raises
    ------
    OSError
        If the scheduler named by ``GALVIZ_SCHEDULER`` does not answer.
    """
    with _starting:
        return _connect(os.environ.get("GALVIZ_SCHEDULER", ""))


def call(function: str, *arguments: Any) -> Any:
    """Import ``"module:name"`` and call it. Runs in a worker."""
    module, _, name = function.partition(":")
    # Imported here, in the worker, so that the server of the page needs no torch.
    return getattr(import_module(module), name)(*arguments)


_starting = threading.Lock()


@lru_cache(maxsize=1)
def _connect(address: str) -> "Client":
    from distributed import Client  # late: a page is shown before it needs a worker

    connection = Client(address, set_as_default=False, timeout=10) if address else _local()
    atexit.register(connection.close)
    return connection


def _local() -> "Client":
    """Start one worker on this machine that only this process can use.

    A Dask scheduler runs any code that a client sends, and every user of a shared computer can reach a local port.
    Therefore both sides must present a certificate. It is created for this cluster, and never written to a disk that
    others can read.
    """
    dashboard = os.environ.get("GALVIZ_DASK_DASHBOARD", "")
    import dask
    from distributed import Client, LocalCluster
    from distributed.security import Security

    routes = {} if dashboard else {"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}
    with dask.config.set(routes):
        cluster = LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            host="127.0.0.1",
            protocol="tls://",
            security=Security.temporary(),
            dashboard_address=dashboard or "127.0.0.1:0",  # without an address Dask takes port 8787, or warns
            scheduler_kwargs={} if dashboard else {"dashboard": False},
            memory_limit=None,
            env=_WORKER_ENVIRONMENT,
        )
    atexit.register(cluster.close)
    return Client(cluster, set_as_default=False)
