"""Requests to a web service, one after the other: a pause between them, time-outs, and new tries after failures."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

_AGAIN = {408, 425, 429, 500, 502, 503, 504}
"""Statuses after which the same request may succeed later."""

_LONGEST_S = 120.0  # between two tries


@dataclass
class Service:
    """A client of one web service that does not burden it.

    Parameters
    ----------
    pause_s : float
        Least time between the starts of two requests, seconds.
    timeout_s : float
        Time without an answer after which a try has failed, seconds.
    tries : int
        Number of tries of a request.
    first_wait_s : float
        Wait after the first failure, seconds; it doubles after each further one. A service that names a time
        (``Retry-After``) is waited for that long, at most two minutes.
    """

    pause_s: float = 0.5
    timeout_s: float = 60.0
    tries: int = 6
    first_wait_s: float = 1.0
    _last: float = field(default=-1e9, init=False, repr=False)

    def get(self, url: str, query: Mapping[str, object], check: Callable[[bytes], None] | None = None) -> bytes:
        """Return what the service answers to a query.

        Parameters
        ----------
        url : str
            An address that starts with ``https://`` or ``http://``.
        query : mapping of str to object
            Names and values, which are encoded.
        check : callable, optional
            Raises a ValueError if the answer is not usable, such as a page that says "try later". That is a failure
            too.

        Raises
        ------
        ValueError
            If the address is of another kind, or the service refuses the query, which no further try would change.
        OSError
            If all tries failed. The message has the last reason.
        """
        if not url.startswith(("https://", "http://")):
            raise ValueError(f"url: expected an address of a web service, https://…, got {url!r}.")
        request = Request(f"{url}?{urlencode(query)}", headers={"User-Agent": "galviz"})  # noqa: S310 - checked above
        reason = ""
        for k in range(self.tries):
            wait = self.first_wait_s * 2**k
            time.sleep(max(self._last + self.pause_s - time.monotonic(), 0))
            self._last = time.monotonic()
            try:
                with urlopen(request, timeout=self.timeout_s) as answer:  # noqa: S310 - checked above
                    content = answer.read()
                if check is not None:
                    check(content)
            except HTTPError as error:
                body = b""
                with error, suppress(OSError, HTTPException):  # it may break off, or never come
                    body = error.read(500)
                reason = f"status {error.code}: {body.decode(errors='replace').strip() or error.reason}"
                if error.code not in _AGAIN:
                    raise ValueError(f"url: expected an answer from {url}, got {reason}.") from error
                wait = max(wait, _seconds(error.headers.get("Retry-After")))
            except (OSError, HTTPException, ValueError) as error:  # no connection, time-out, broken off; not as wanted
                reason = str(error) or type(error).__name__
            else:
                return content
            if k + 1 < self.tries:
                time.sleep(min(wait, _LONGEST_S))
        raise OSError(f"{url}: expected an answer in {self.tries} tries, got none ({reason}). Try again later.")


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isdigit() else 0.0
