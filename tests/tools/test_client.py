import re
from pathlib import Path

import pytest

import galviz
from galviz.tools.client import script

GALVIZ = Path(galviz.__file__).parent
OTHERS = ("shared.js", "square.js")  # what the scripts share, and one for Bokeh, which takes its text alone
SCRIPTS = sorted(path for path in GALVIZ.rglob("*.js") if path.name not in OTHERS)


def test_scripts_stand_in_files_of_their_own():
    assert {"pages/tabs.js", "pages/upload.js", "tools/export/download.js", "tools/gallery/client.js"} <= {
        path.relative_to(GALVIZ).as_posix() for path in SCRIPTS
    }
    inline = [path.name for path in GALVIZ.rglob("*.py") if "function render" in path.read_text(encoding="utf-8")]
    assert inline == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.relative_to(GALVIZ).as_posix())
def test_a_script_is_one_text_without_imports_in_which_no_name_comes_twice(path):
    code = script(path, path.name)
    assert not re.search(r"^import\b", code, re.MULTILINE)
    assert "export default { render" in code
    names = re.findall(r"^(?:export )?(?:async )?(?:const|let|function|class) (\w+)", code, re.MULTILINE)
    assert {"make", "draw", "render"} <= set(names)
    assert sorted(names) == sorted(set(names))
