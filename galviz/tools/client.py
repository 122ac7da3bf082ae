"""The scripts of tools and pages, as Panel and anywidget load them: one text that imports nothing."""

import re
from pathlib import Path

_SHARED = Path(__file__).with_name("shared.js")
# One line, as biome formats it. Scripts of `galviz/pages` import it from ../tools.
_IMPORT = re.compile(r'^import \{[^}]*\} from "\.\./(?:tools/)?shared\.js";\n', re.MULTILINE)


def script(beside: Path, name: str = "client.js") -> str:
    """Return the text of ``shared.js`` and of a script, without the line that imports the first into the second.

    Panel and anywidget load a script from an address of its own (``blob:``), from which no neighbour can be found.

    Parameters
    ----------
    beside : Path
        Any file of the script's folder.
    name : str
        File name of the script.

    Returns
    -------
    str
    """
    # Put in front, not bundled: a bundler would add a build step and Node to the installation.
    text = beside.with_name(name).read_text(encoding="utf-8")
    return _SHARED.read_text(encoding="utf-8") + _IMPORT.sub("", text)
