"""A client of a web service, and answers that break off."""

import socket
import threading

import pytest

from galviz.io.web import Service

BROKEN = b"Transfer-Encoding: chunked\r\n\r\nff\r\nnot whole"
NEVER = b"Content-Length: 400\r\n\r\n"


@pytest.fixture
def serve():
    """A function that starts a server with one answer for all requests: its address."""
    servers = []

    def start(status, body, *, hold):
        listening = socket.create_server(("127.0.0.1", 0))
        servers.append(listening)

        def answer():
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                connection.recv(4096)
                connection.sendall(f"HTTP/1.1 {status} No\r\n".encode() + body)
                if hold:
                    servers.append(connection)
                else:
                    connection.close()

        threading.Thread(target=answer, daemon=True).start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}/x"

    yield start
    for one in servers:
        one.close()


@pytest.mark.parametrize(("body", "hold"), [(BROKEN, False), (NEVER, True)], ids=["broken off", "never comes"])
def test_the_text_of_an_error_may_break_off(serve, body, hold):
    service = Service(pause_s=0.0, timeout_s=0.3, tries=2, first_wait_s=0.01)
    with pytest.raises(ValueError, match=r"url: expected an answer from http://.*, got status 404: No\."):
        service.get(serve(404, body, hold=hold), {})
    with pytest.raises(OSError, match=r"expected an answer in 2 tries, got none \(status 500: No\)"):
        service.get(serve(500, body, hold=hold), {})
