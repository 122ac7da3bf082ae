"""Names of the controls of the training tab, as error messages have them."""

import re

from galviz.pages.recipe_form import place_of

CONTROLS = {
    "data": "Data",
    "target": "Target",
    "columns": "Target",
    "positive": "Advanced, Positive class",
    "encoder": "Advanced, Start from the encoder of",
    "devices": "Device",
    "name": "Name of the new run",
}
"""Name of an argument in an error message → the control of the page."""


def page_message(message: str) -> str:
    """Return an error message with the name of the control in place of an argument or a key of the recipe."""
    message = re.sub(r"\bgive --task (\w+)", r"choose the task \1 under Advanced", message)
    key, colon, rest = message.partition(":")
    return f"{CONTROLS.get(key) or place_of(key) or key}{colon}{rest}"
