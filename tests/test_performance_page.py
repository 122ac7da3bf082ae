"""The page of measured speeds: what benches print stands in it, and a new line takes the place of an old one."""

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

spec = spec_from_file_location("performance", Path(__file__).parent / "bench" / "performance.py")
performance = module_from_spec(spec)
spec.loader.exec_module(performance)

BENCH = """import json
print("a word of progress")
for case in ("one", "two"):
    print(json.dumps({"bench": "its own name", "case": case, "ratio": 0.123456, "seconds": [1, 2.5], "of": {"a": 1}}))
"""


@pytest.fixture
def docs(tmp_path, monkeypatch):
    (tmp_path / "predict.py").write_text(BENCH)
    (tmp_path / "fit.py").write_text("raise SystemExit(3)")
    monkeypatch.setattr(performance, "HERE", tmp_path)
    monkeypatch.setattr(performance, "DOCS", tmp_path)
    return tmp_path


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["performance.py", *words])
    performance.main()


def test_what_a_bench_prints_is_kept_and_written_into_the_page(docs, monkeypatch):
    run(monkeypatch, "predict")
    page = (docs / "performance.md").read_text("utf-8")
    assert "## Applying a network\n\n`python tests/bench/predict.py`" in page
    assert "| one | ratio 0.1235; seconds [1, 2.5]; of a 1 | 20" in page
    assert " cores, " in page
    assert "Training" not in page

    # The same case again takes the place of its older line; other lines stay.
    (docs / "predict.py").write_text(BENCH.replace("0.123456", "0.9").replace('"one", "two"', '"two",'))
    run(monkeypatch, "predict")
    page = (docs / "performance.md").read_text("utf-8")
    assert "| one | ratio 0.1235;" in page
    assert page.count("| two | ratio 0.9;") == page.count("| two |") == 1
    (docs / "performance.md").unlink()
    run(monkeypatch, "--page")
    assert (docs / "performance.md").read_text("utf-8") == page


def test_a_bench_that_fails_ends_the_run_and_what_was_measured_stays(docs, monkeypatch):
    with pytest.raises(performance.subprocess.CalledProcessError):
        run(monkeypatch, "predict", "fit")
    assert [json.loads(line)["case"] for line in (docs / "performance.jsonl").read_text().splitlines()] == [
        "one",
        "two",
    ]
    with pytest.raises(SystemExit):
        run(monkeypatch, "nothing")


def test_every_bench_of_the_page_is_there():
    for _, (script, *_rest) in performance.BENCHES.values():
        assert (Path(__file__).parent / "bench" / script).is_file()
