"""The progress of a command in a log, where a page finds it."""

import re

from galviz.cli import skies


def test_a_log_gets_a_line_a_percent(capsys, monkeypatch):
    monkeypatch.setattr(skies, "_LINE_S", 0.0)
    with skies.bar("drawing") as progress:
        for done in range(1, 1001):
            progress(done, 1000)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 100
    assert lines[-1] == "drawing: 1000/1000 objects"
    assert all(re.fullmatch(r"drawing: \d+/1000 objects", line) for line in lines)


def test_a_quick_command_prints_no_progress(capsys):
    with skies.bar("reading", "pictures") as progress:
        progress(1, 2)
        progress(2, 2)
    assert capsys.readouterr().err == ""
