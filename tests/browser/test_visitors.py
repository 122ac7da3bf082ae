"""Who may use a page: this machine, and others only with a login or where the owner opened it."""

import asyncio
import http.cookiejar
import json
import socket
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from bokeh.util.token import generate_jwt_token, generate_session_id
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

pytestmark = pytest.mark.browser
REFUSED = "open only to the computer that it runs on"


@pytest.fixture(scope="module")
def outside():
    """An address of this machine by which a request comes as from another one."""
    found = [a.address for each in psutil.net_if_addrs().values() for a in each if a.family == socket.AF_INET]
    found = [address for address in found if not address.startswith("127.")]
    if not found:
        pytest.skip("this machine has no network address but its own 127.0.0.1")
    return found[0]


@pytest.fixture(scope="module")
def plain(serve):
    """The explorer, served as people type it: no address, no login."""
    return serve("explore")


def read(url, headers=None, opener=urllib.request):
    try:
        with opener.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=60) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def apart(work):
    """Do work in a thread of its own: in this one an event loop may run, which Playwright left."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def connect(host, server, *, pull=False, **headers):
    """Open a websocket as the page's script does; give what the server says first, or the document where pulled."""
    token = generate_jwt_token(generate_session_id())
    request = HTTPRequest(f"ws://{host}:{server.port}/explore/ws", headers=headers)

    async def open_it():
        connection = await websocket_connect(request, subprotocols=["bokeh", token])
        found = await connection.read_message()
        if pull:
            while await connection.read_message() != "{}":  # the metadata and the content of the greeting
                pass
            for part in ({"msgid": "1", "msgtype": "PULL-DOC-REQ"}, {}, {}):
                await connection.write_message(json.dumps(part))
            while '"doc"' not in found:
                found = await connection.read_message()
        connection.close()
        while await connection.read_message() is not None:
            pass
        return found

    return apart(lambda: asyncio.run(open_it()))


def roots(host, server):
    """What a session holds that a program opens without a browser: names of its models, but for the address."""
    found = json.loads(connect(host, server, pull=True))["doc"]["roots"]
    return [root["name"] for root in found if root["name"] != "panel.models.location.Location"]


def test_the_first_visitor_from_another_machine_gets_a_sentence_and_nothing_else(serve, outside):
    """The check is there before anything else of the page has run."""
    server = serve("explore")
    status, page = read(f"http://{outside}:{server.port}/explore")
    assert REFUSED in page
    assert "Upload" not in page
    assert "token" not in page
    assert (status, connect_fails(outside, server)) == (200, 403)


def connect_fails(host, server, **headers):
    with pytest.raises(HTTPClientError) as error:
        connect(host, server, **headers)
    return error.value.code


def test_the_first_websocket_from_another_machine_finds_nothing(serve, outside):
    server = serve("explore")
    assert roots(outside, server) == []
    assert roots("127.0.0.1", server) != []


def test_this_machine_is_let_in(plain):
    status, page = read(f"http://127.0.0.1:{plain.port}/explore")
    assert status == 200
    assert REFUSED not in page
    assert "ACK" in connect("127.0.0.1", plain, Origin=f"http://localhost:{plain.port}")


def test_another_machine_is_refused_whatever_it_says_of_itself(plain, outside):
    read(f"http://127.0.0.1:{plain.port}/explore")
    for headers in ({}, {"X-Forwarded-For": "127.0.0.1"}, {"X-Real-IP": "127.0.0.1"}, {"Host": "localhost"}):
        status, page = read(f"http://{outside}:{plain.port}/explore", headers)
        assert (status, REFUSED in page) == (403, True), headers
    for headers in ({}, {"Origin": f"http://localhost:{plain.port}"}, {"Origin": f"http://{outside}:{plain.port}"}):
        assert connect_fails(outside, plain, **headers) == 403, headers


def test_a_strange_origin_is_refused_on_this_machine_too(plain):
    assert connect_fails("127.0.0.1", plain, Origin="http://evil.example") == 403


def test_forwarded_addresses_are_not_believed(serve, outside):
    server = serve("explore", options=("--use-xheaders",))
    read(f"http://127.0.0.1:{server.port}/explore")
    assert read(f"http://{outside}:{server.port}/explore", {"X-Real-IP": "127.0.0.1"})[0] == 403
    assert read(f"http://127.0.0.1:{server.port}/explore", {"X-Real-IP": "203.0.113.7"})[0] == 200  # a hub's visitor


def test_the_owner_can_open_the_pages(serve, outside):
    server = serve("explore", environment={"GALVIZ_PUBLIC": "1"}, options=("--allow-websocket-origin", "*"))
    status, page = read(f"http://{outside}:{server.port}/explore")
    assert (status, REFUSED in page) == (200, False)
    assert roots(outside, server) != []
    assert "ACK" in connect(outside, server, Origin=f"http://{outside}:{server.port}")


def test_a_visitor_from_another_machine_who_has_logged_in_is_let_in(serve, outside):
    options = ("--basic-auth", "open sesame", "--cookie-secret", "s3cret", "--allow-websocket-origin", "*")
    server = serve("explore", options=options)
    url = f"http://{outside}:{server.port}"
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    with opener.open(f"{url}/explore", timeout=60) as first:
        assert first.url.startswith(f"{url}/login")
    assert connect_fails(outside, server) in (302, 401, 403)
    form = {"username": "astronomer", "password": "open sesame"}
    form |= {cookie.name: cookie.value for cookie in jar if cookie.name == "_xsrf"}
    opener.open(f"{url}/login", urllib.parse.urlencode(form).encode(), timeout=60).close()
    with opener.open(f"{url}/explore", timeout=60) as answer:
        page = answer.read().decode()
    assert REFUSED not in page
    assert "token" in page
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)
    assert "ACK" in connect(outside, server, Cookie=cookies)
