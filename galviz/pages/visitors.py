"""Access control: pages are open to this machine's users, and to others only if the owner allows it.

A page can start trainings and read skies, and ``panel serve`` listens on every network interface without a login. So a
visitor from another machine is refused unless a login is configured (``--basic-auth``, ``--oauth-provider``) and they
are logged in, or ``GALVIZ_PUBLIC=1`` is set. A hub that forwards its users' requests from this machine
(jupyter-server-proxy, JupyterHub) has already checked them.
"""

import os
from functools import wraps
from ipaddress import ip_address
from typing import Any

import panel as pn
from bokeh.server.views.auth_request_handler import AuthRequestHandler
from jinja2 import Template

REFUSAL = (
    "This page is open only to the computer that it runs on. To share it, its owner can start it with a login "
    "(panel serve … --basic-auth PASSWORD --cookie-secret SECRET) or, on a network where everyone may train and read, "
    "with GALVIZ_PUBLIC=1."
)
_PAGE = Template(
    "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>galviz</title></head>"
    "<body style='font: 16px sans-serif; max-width: 40em; margin: 4em auto'><h1>Access denied</h1><p>{{ why }}</p>"
    "</body></html>",
    autoescape=True,
)


def may_visit() -> bool:
    """Return whether the visitor of the current session may use the page; True outside of a server."""
    document = pn.state.curdoc
    context = None if document is None else document.session_context
    request = None if context is None else context.request
    return _is_open(request) or (pn.state.user or "guest") != "guest"


def refused_page() -> pn.Template:
    """Return a page that explains the refusal. It is plain HTML and opens no connection."""
    return pn.Template(template=_PAGE.render(why=REFUSAL))


def guard_requests() -> None:
    """Refuse requests of visitors who may not use the pages, websockets included. Patches Bokeh once per process.

    A page checks its visitor when the session is created. That is too late if sessions are shared
    (``--reuse-sessions``), and Bokeh itself checks only the header ``Origin`` of a websocket, which a program on
    another machine can forge or leave out.
    """
    inner = AuthRequestHandler.prepare
    if hasattr(inner, "__wrapped__"):
        return

    @wraps(inner)
    async def prepare(self: AuthRequestHandler) -> None:
        await inner(self)
        provider = self.application.auth_provider
        has_login = provider.get_user is not None or provider.get_user_async is not None
        if not _is_open(self.request) and (not has_login or self.current_user == "guest"):
            self.set_status(403)
            self.finish(_PAGE.render(why=REFUSAL))

    AuthRequestHandler.prepare = prepare


def _is_open(request: Any) -> bool:
    """Return whether a request needs no login: it comes from this machine, or the owner opened the pages to all.

    The address is that of the connection itself: headers such as ``X-Forwarded-For`` can be forged, and are believed
    with ``--use-xheaders``.
    """
    if os.environ.get("GALVIZ_PUBLIC") == "1":
        return True
    context = getattr(getattr(request, "connection", None), "context", None)
    address = getattr(context, "address", None)
    if not isinstance(address, tuple):  # no network: a Unix socket, a session made by --warm, a test
        return True
    peer = ip_address(address[0].partition("%")[0])
    return (getattr(peer, "ipv4_mapped", None) or peer).is_loopback
