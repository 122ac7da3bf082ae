"""A run beside baselines: computed on a worker, kept in the run folder, shown with a verdict."""

import json
import os

import numpy as np
import pandas as pd
import pytest

from galviz.measure.metrics import summary
from galviz.nn.inference.predict import remember
from galviz.pages.results.baselines import BASELINES, FILE, NETWORK, BaselinesView, read_baselines, verdict
from galviz.runs.predictions import Predictions
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target
from galviz.work import chunks
from galviz.work.worker import baselines


@pytest.fixture
def run(galviz_home, recipe):
    """A run whose network errs by 0.5 on a flux that the images show exactly; 40 objects were learned from, 20 not."""
    rng = np.random.default_rng(0)
    flux = rng.uniform(1, 10, 60)
    images = rng.normal(0, 0.01, (60, 2, 12, 12)).astype(np.float32) + flux[:, None, None, None].astype(np.float32)
    ids = pd.Index([f"o{k:02d}" for k in range(60)], name="object_id")
    catalogue = pd.DataFrame({"flux": flux, "colour": rng.normal(size=60)}, index=ids)
    sky = CutoutSet(images=images, bands=("g", "r"), catalogue=catalogue, pixel_scale=0.4, unit="nanomaggy")
    sky.save(galviz_home / "skies" / "flux")
    target = Target.of(sky, "flux")
    run = Run.create(
        galviz_home / "runs" / "flux", study="own", target=target, recipe=recipe, data=galviz_home / "skies" / "flux"
    )
    remember(run, sky, np.arange(40), np.arange(40, 60))
    fold = np.where(np.arange(60) < 40, -1, 0)
    table = pd.DataFrame({"flux": flux + 0.5 * (-1) ** np.arange(60), "flux_true": flux, "fold": fold}, index=ids)
    run.save_predictions(Predictions(table, target))
    run.write_state(status="done")
    return run


@pytest.fixture
def at_once(monkeypatch):
    """Run the chunks of a `Work` here, at once."""

    def begin(work):
        for number, chunk in enumerate(work._waiting[::-1]):
            work._results[number] = chunks.call(work.function, *chunk[1])
            work.done += 1
        work._waiting = []
        work._end("done", "")

    monkeypatch.setattr(chunks.Work, "_begin", begin)


def test_the_network_and_the_baselines_are_judged_on_the_same_objects(run):
    found = baselines(str(run.path))
    assert list(found) == [NETWORK, *BASELINES]
    assert found[NETWORK].loc["mae", "value"] == pytest.approx(0.5)
    held = run.predictions().held_out()
    pd.testing.assert_frame_equal(found[NETWORK], summary(held.truth, held.estimate))
    mean = run.predictions().truth[:40].mean()
    assert found["constant"].loc["mae", "value"] == pytest.approx(np.abs(held.truth - mean).mean())
    for name in BASELINES:  # as the page asks for them, one by one
        part = baselines(str(run.path), name)
        assert list(part) == [NETWORK, name]
        pd.testing.assert_frame_equal(part[name], found[name])


def test_a_button_computes_them_and_they_are_kept(run, at_once):
    view = BaselinesView(run)
    assert view.table() == ""
    view.compare()
    view.work._ended.wait(60)
    view.poll()
    assert view.error == ""
    assert view.work is None
    table = view.table()
    assert "The network is worse than the best baseline, pixel statistics: mae 0.5 against " in table
    assert "<th title='boosted trees on the other numbers of the catalogue'>catalogue columns</th>" in table
    assert view.__panel__().get_root()
    again = BaselinesView(Run.open(run.path))
    assert again.table() == table
    for name, metrics in view.found.items():
        pd.testing.assert_frame_equal(again.found[name], metrics, check_dtype=False)


def test_those_of_the_study_stand_beside_them(run, at_once):
    run.update_info(study="richness")
    view = BaselinesView(Run.open(run.path))
    view.compare()
    view.work._ended.wait(60)
    view.poll()
    assert list(view.found) == [NETWORK, *BASELINES, "flux and counts"]
    assert "<th title='ridge regression on the summed flux and" in view.table()


def test_results_older_than_the_predictions_are_not_shown(run, at_once):
    view = BaselinesView(run)
    view.compare()
    view.work._ended.wait(60)
    view.poll()
    assert read_baselines(run)
    later = (run.path / FILE).stat().st_mtime_ns + 10**9
    os.utime(run.path / "predictions.parquet", ns=(later, later))
    assert read_baselines(run) == {}


@pytest.mark.parametrize(
    "content",
    ["{", "[]", "{}", '{"baselines": 1}', '{"baselines": {"network": {"mae": {"value": "x"}}}}', '{"baselines": {}}'],
)
def test_a_damaged_file_is_named_and_can_be_computed_again(run, at_once, content):
    (run.path / FILE).write_text(content)
    view = BaselinesView(run)
    assert FILE in view.error
    view.compare()
    view.work._ended.wait(60)
    view.poll()
    assert (view.error, list(view.found)) == ("", [NETWORK, *BASELINES])


def test_what_a_file_says_is_no_html(run):
    metrics = {"<i>": {"value": 1, "low": 0, "high": 2, "definition": "'><script>"}}
    content = {"baselines": {NETWORK: metrics, "<b>": metrics}}
    (run.path / FILE).write_text(json.dumps(content))
    table = BaselinesView(run).table()
    assert "<i>" not in table
    assert "<script>" not in table
    assert "<b>" not in table.replace("<p role='status'><b>", "")


def test_a_failure_is_said(run, monkeypatch):
    monkeypatch.setattr(chunks.Work, "_begin", lambda work: work._end("failed", "ValueError: the sky is gone"))
    view = BaselinesView(run)
    view.compare()
    view.work._ended.wait(60)
    view.poll()
    assert view.error == "ValueError: the sky is gone"
    assert view.found == {}


@pytest.mark.parametrize(
    ("metric", "ours", "theirs", "shown_text"),
    [
        (
            "accuracy",
            (0.9, 0.85, 0.95),
            (0.7, 0.6, 0.8),
            "is better than the best baseline, b: accuracy 0.9 against 0.7.",
        ),
        ("accuracy", (0.9, 0.75, 0.95), (0.7, 0.6, 0.8), "against 0.7, but the intervals overlap."),
        ("mae", (0.1, 0.05, 0.15), (0.3, 0.2, 0.4), "is better than the best baseline, b: mae 0.1 against 0.3."),
        ("mae", (0.3, 0.2, 0.4), (0.1, 0.05, 0.15), "is worse than the best baseline, b: mae 0.3 against 0.1."),
        ("mae", (0.3, 0.2, 0.4), (0.29, 0.2, 0.4), "is no better than the best baseline, b: mae 0.3 against 0.29."),
    ],
)
def test_the_verdict(metric, ours, theirs, shown_text):
    worse = (0.0, 0.0, 0.0) if metric == "accuracy" else (9.0, 9.0, 9.0)
    found = {
        name: pd.DataFrame([values], columns=["value", "low", "high"], index=[metric])
        for name, values in {NETWORK: ours, "a": worse, "b": theirs}.items()
    }
    assert shown_text in verdict(found)
