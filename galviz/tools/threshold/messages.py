"""The messages between a threshold and its browsers (``client.js``)."""

from typing import Literal, TypedDict


class Chart(TypedDict):
    """The histogram of the scores."""

    type: Literal["chart"]
    name: str  # of what is scored
    other: str  # of what is not that
    edges: list[float]  # of the bins, one more than there are bins
    all: list[int]  # objects in each bin
    yes: list[int]  # those known to be it
    no: list[int]  # those known not to be it


class State(TypedDict):
    """The threshold, and its statistics as text."""

    type: Literal["state"]
    threshold: float
    numbers: list[tuple[str, str]]
    acknowledged: dict[str, int]  # client → `seq` of its last message


class Hello(TypedDict):
    """A new browser; `Chart` and `State` are the answer."""

    type: Literal["hello"]


class Threshold(TypedDict):
    """Another threshold; a browser sends the next one when this one is acknowledged."""

    type: Literal["threshold"]
    client: str  # tells one browser from another
    seq: int
    value: float
    done: bool  # the line was released


TO_BROWSER = (Chart, State)
FROM_BROWSER = (Hello, Threshold)
