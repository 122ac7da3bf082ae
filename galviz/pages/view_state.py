"""Saved views: the state of an explorer in the page's address, or in a readable JSON file."""

import io
import json
from importlib.metadata import version
from typing import Any
from urllib.parse import urlencode

import panel as pn
import param

from galviz.io.markup import Markup
from galviz.pages.explorer import Explorer
from galviz.pages.state import query, write_query
from galviz.tools.formatting import shown_error, text
from galviz.tools.viewer.stretch import alert

_LONGEST = 4000  # characters; longer addresses fail in some browsers and proxies
KIND = "galviz view"
"""Value of the key ``kind`` in the file."""


class ViewState(pn.viewable.Viewer):
    """Save and restore the state of an explorer, in the address and in files.

    Parameters
    ----------
    explorer : Explorer
    key : str
        Name of the query parameter in the address.
    of : str
        What is shown. A state in the address that belongs to something else is ignored.
    about : mapping, optional
        Extra content of the file, such as the path of the table.
    """

    error = param.String(default="", doc="why a view could not be opened")
    too_long = param.Boolean(default=False, doc="whether the state is too long for an address")

    def __init__(
        self, explorer: Explorer, key: str, of: str, about: dict[str, Any] | None = None, **params: object
    ) -> None:
        super().__init__(**params)
        self.explorer, self.key, self.of, self.about = explorer, key, of, dict(about or {})
        self.restore_address()
        explorer.param.watch(self._write_address, "changed")

    def content(self) -> dict[str, Any]:
        """Return the content of the file."""
        return {"kind": KIND, "galviz": version("galviz"), **self.about, "state": self.explorer.state()}

    def open(self, content: bytes | str) -> None:
        """Restore the state from a file; an invalid file shows an error."""
        try:
            found = read_view(content)
            self.explorer.restore(found["state"])
        except (ValueError, KeyError, TypeError) as error:
            self.error = shown_error(error)
        else:
            self.error = ""

    def restore_address(self) -> None:
        """Restore the state from the address, if it belongs to what is shown."""
        try:
            given = json.loads(query().get(self.key, "{}"))
            if given.pop("of", None) == self.of:
                self.explorer.restore(given)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.error = f"The address could not be followed to its end: {shown_error(error)}"

    def _write_address(self, *_: param.parameterized.Event) -> None:
        written = json.dumps({"of": self.of} | self.explorer.state(), separators=(",", ":"), ensure_ascii=False)
        self.too_long = len(urlencode({self.key: written})) > _LONGEST
        write_query(**{self.key: "" if self.too_long else written})

    @param.depends("error")
    def _alert(self) -> pn.viewable.Viewable:
        return alert(self.error)

    @param.depends("too_long")
    def _note(self) -> str | Markup:
        long = Markup("<span class='note'>Too long for the address: save it as a file.</span>")
        return long if self.too_long else ""

    def __panel__(self) -> pn.viewable.Viewable:
        save = pn.widgets.FileDownload(
            callback=lambda: io.BytesIO(json.dumps(self.content(), indent=1, ensure_ascii=False).encode()),
            filename="view.json", label="Save this view", embed=False, width=140,
        )  # fmt: skip
        file = pn.widgets.FileInput(accept=".json", width=220)
        file.param.watch(lambda event: self.open(event.new) if event.new else None, "value")
        row = pn.FlexBox(save, text("Open a saved view:", margin=(10, 5)), file, text(self._note), align_items="center")
        return pn.Column(row, self._alert, sizing_mode="stretch_width")


def read_view(content: bytes | str) -> dict[str, Any]:
    """Return the content of a saved view.

    Raises
    ------
    ValueError
        If the content is not a saved view.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"view: expected a view saved by galviz, got something else ({error}).") from None
    if not isinstance(found, dict) or found.get("kind") != KIND or not isinstance(found.get("state"), dict):
        raise ValueError("view: expected a view saved by galviz, got other JSON. Save one with 'Save this view'.")
    return found
