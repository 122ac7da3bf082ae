"""The colour–magnitude diagram beside the other plots that judge classes: for a table, and for a run."""

import numpy as np
import pandas as pd
import panel as pn
import pytest

from galviz.pages.explorer import Explorer
from galviz.pages.judged_table import JudgedTable
from galviz.pages.results.classification import View
from galviz.runs.predictions import Predictions
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target
from galviz.tools.diagram.view import DiagramView
from galviz.tools.selection.core import Selection

N = 60
KIND = Target("kind", "classification", ("kind",), "kind", classes=("field", "member"))


@pytest.fixture
def table():
    rng, even = np.random.default_rng(0), np.arange(N) % 2
    r, colour = rng.uniform(14, 19, N), np.where(even, rng.normal(1.5, 0.05, N), rng.normal(1.0, 0.3, N))
    names = np.array(["field", "member"], dtype=object)
    columns = {"kind": names[np.where(rng.random(N) < 0.8, even, 1 - even)], "kind_true": names[even]}
    index = pd.Index([f"galaxy-{k}" for k in range(N)], name="object_id")
    return pd.DataFrame({"g": r + 0.7 * colour, "r": r, "z": r - 0.3 * colour, **columns}, index=index)


def report(view):
    """What a browser would get."""
    sent = []
    view.exchange._send = lambda message, _: sent.append(message)
    view.exchange.receive({"type": "hello"})
    return sent[-1]


def test_a_table_with_magnitudes_has_a_diagram(table):
    judged = JudgedTable(Explorer(table), ("kind_true", "kind"))
    view = judged.explorer.leads["Diagram"]()
    assert isinstance(pn.panel(view), pn.viewable.Viewable)
    assert sum(map(sum, report(view)["matrix"])) == N
    view.exchange.select_cell("member", "field")
    assert len(judged.explorer.selection) == report(view)["matrix"][1][0] > 0


def test_a_table_without_them_has_none(table):
    judged = JudgedTable(Explorer(table.drop(columns=["g", "z"])), ("kind_true", "kind"))
    assert "Confusion matrix" in judged.explorer.leads
    assert "Diagram" not in judged.explorer.leads


def test_a_run_has_a_diagram_with_the_magnitudes_of_its_sky(table):
    rows = table[["kind", "kind_true"]].assign(p_field=0.4, p_member=0.6, fold=0)
    catalogue = table[["g", "r", "z"]]
    sky = CutoutSet(
        images=np.zeros((N, 1, 4, 4), np.float32), bands=("r",), catalogue=catalogue, pixel_scale=0.4, unit="nanomaggy"
    )
    view = View(Predictions(rows, KIND), Selection(), sky).explorer.leads["Diagram"]()
    assert isinstance(view, DiagramView)
    assert report(view)["line"]["intercept"] == pytest.approx(1.5, abs=0.1)
    assert report(view)["member"] == "member"


def test_a_saved_view_keeps_what_was_changed_in_the_diagram(table):
    explorers = [Explorer(table) for _ in range(3)]
    views = [JudgedTable(one, ("kind_true", "kind")).explorer.leads["Diagram"]() for one in explorers]
    before = explorers[0].changed
    report(views[0])
    assert explorers[0].state().get("tabs") is None
    views[0].exchange.receive({"type": "set", "client": "c", "seq": 1, "name": "faintest", "value": 17.5})
    assert explorers[0].changed > before
    state = explorers[0].state()
    explorers[1].restore(state)
    assert report(views[1])["faintest"] == 17.5
    report(views[2])  # a diagram that is open already
    explorers[2].restore(state)
    assert report(views[2])["faintest"] == 17.5
    explorers[2].restore({})
    assert report(views[2])["faintest"] is None
