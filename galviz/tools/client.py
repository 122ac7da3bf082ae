"""The scripts of the tools, as Panel and anywidget load them: one text that imports nothing."""

import re
from pathlib import Path

_SHARED = Path(__file__).with_name("shared.js")
_IMPORT = re.compile(r'^import \{[^}]*\} from "\.\./shared\.js";\n', re.MULTILINE)


def script(tool: Path) -> str:
    """Text of ``shared.js`` and of a tool's ``client.js``, without the line that imports the first into the second.

    Both load a script from an address of its own (``blob:``), from which no neighbour can be found.

    Parameters
    ----------
    tool : Path
        Any file of the tool's folder.

    Returns
    -------
    str
    """
    text = tool.with_name("client.js").read_text(encoding="utf-8")
    return _SHARED.read_text(encoding="utf-8") + _IMPORT.sub("", text)
