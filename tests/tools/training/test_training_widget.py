import pandas as pd
import pytest

from galviz.runs.run import Run
from galviz.studies import mergers, richness
from galviz.tools.training.widget import TrainingWidget, curve

ROW = {"epoch": 1, "step": 3, "seconds": 1.0, "lr": 1e-3, "train_loss": 2.0, "val_loss": 3.0}


@pytest.fixture(params=[(richness, "quick"), (mergers, "quick"), (mergers, "paper")])
def run(tmp_path, request):
    study, recipe = request.param
    given = {"study": study.__name__.rpartition(".")[2], "target": study.TARGET, "recipe": study.RECIPES[recipe]}
    run = Run.create(tmp_path / "run", data=tmp_path, **given)
    run.write_state(status="running", epoch=1, epochs=2, step=3, steps=6, device="cpu", eta_s=4.0)
    run.append_metrics(ROW)
    return run


def test_it_attaches_and_follows_to_the_end(run):
    widget = TrainingWidget(run.path)
    assert (widget.status, widget.epoch, widget.metrics) == ("running", 1, [ROW])
    assert widget._bar.value == 0.5
    assert "4 s to go" in widget._line.value
    heard = []
    widget.observe(lambda change: heard.append(change["new"]), "status")
    run.append_metrics(ROW | {"epoch": 2, "step": 6, "train_loss": 1.0})
    run.write_state(status="done", epoch=2, step=6)
    assert widget.wait(20) == "done"
    assert heard == ["done"]
    assert [row["train_loss"] for row in widget.metrics] == [2.0, 1.0]
    assert widget._bar.value == 1
    assert "polyline" in widget._curve.value


def test_the_stop_button_asks_the_run_to_stop(run):
    widget = TrainingWidget(run.path)
    assert not widget._stop.disabled
    assert widget._resume.disabled
    widget._stop.click()
    assert run.stop_requested()
    run.write_state(status="stopped")
    assert widget.wait(20) == "stopped"
    assert widget._stop.disabled
    assert not widget._resume.disabled


def test_the_resume_button_starts_a_process(run, monkeypatch):
    run.write_state(status="stopped")
    widget = TrainingWidget(run.path)
    widget.wait(20)
    started = []
    monkeypatch.setattr("galviz.work.processes.resume", started.append)
    widget._resume.click()
    assert started == [run.path]


@pytest.mark.parametrize("run", [(mergers, "paper")], indirect=True)
def test_a_training_that_ends_before_its_last_epoch_is_done(run):
    run.append_metrics(ROW | {"epoch": 2, "step": 6, "val_loss": 3.5})
    run.write_state(status="done", epoch=2, epochs=100, step=6, steps=6, message="Ended early: no more.")
    widget = TrainingWidget(run.path)
    assert (widget.status, widget.epoch, widget._bar.value) == ("done", 2, 1)
    assert "epoch 2 of 100" in widget._line.value
    assert "Ended early" in widget._line.value
    assert widget._stop.disabled
    assert widget._resume.disabled


def test_an_error_is_shown(run, monkeypatch):
    run.write_state(status="stopped")
    widget = TrainingWidget(run.path)

    def refuse(_):
        raise RuntimeError("run: expected a run that nobody writes, got one <in use>.")

    monkeypatch.setattr("galviz.work.processes.resume", refuse)
    widget.resume()
    assert "one &lt;in use&gt;" in widget._line.value


def test_the_curve_goes_from_the_highest_to_the_lowest():
    metrics = pd.DataFrame({"epoch": [1, 2, 3], "train_loss": [3.0, 2.0, 1.0]})
    drawn = curve(metrics)
    points = drawn.split("points='")[1].split("'")[0].split()
    heights = [float(point.split(",")[1]) for point in points]
    assert heights == sorted(heights)
    assert "epoch 3" in drawn
    assert curve(metrics.head(1)) == ""
