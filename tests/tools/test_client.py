import re
from pathlib import Path

import pytest

import galviz.tools
from galviz.tools.client import script

TOOLS = sorted(path.parent for path in Path(galviz.tools.__file__).parent.glob("*/client.js"))


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_script_is_one_text_without_imports_in_which_no_name_comes_twice(tool):
    code = script(tool / "view.py")
    assert not re.search(r"^import\b", code, re.MULTILINE)
    assert "export default { render" in code
    names = re.findall(r"^(?:export )?(?:async )?(?:const|let|function|class) (\w+)", code, re.MULTILINE)
    assert {"make", "draw", "render"} <= set(names)
    assert sorted(names) == sorted(set(names))
