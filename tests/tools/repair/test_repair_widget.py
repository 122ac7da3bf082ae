"""The widget of best fits: traitlets ask and are answered."""

import numpy as np
import pytest
import traitlets
from at_once import Soon, random_gan

from galviz.tools.repair.core import Repair
from galviz.tools.repair.widget import RepairWidget


@pytest.fixture
def made(tiny_sky, tmp_path, monkeypatch):
    monkeypatch.setattr("galviz.tools.repair.core.Work", Soon)
    tiny_sky.save(tmp_path / "sky")
    return random_gan(tmp_path / "run", tiny_sky, tmp_path / "sky")[0], tiny_sky


def test_what_is_set_is_fitted(made):
    run, sky = made
    widget = RepairWidget(run, steps=3)
    table = widget.wait(60)
    assert (widget.status, widget.step, widget.running) == ("done", 3, False)
    assert (table["object_id"].tolist(), set(table["band"])) == (list(sky.object_ids[:2]), {"u"})
    seen = []
    widget.observe(lambda change: seen.append(change.new), "progress")
    widget.off = ["g", "z"]
    table = widget.wait(60)
    assert set(table["band"]) == {"g", "z"}
    expected = Repair(run, sky, sky.object_ids[:2], ["g", "z"], steps=3)
    expected.wait(60)
    np.testing.assert_array_equal(table["flux"], expected.table()["flux"])
    assert "done: 3 steps" in seen[-1]
    assert widget.pictures.count("data:image/png") == 2 * 5
    widget.object_ids = [sky.object_ids[5]]
    assert widget.wait(60)["object_id"].unique().tolist() == [sky.object_ids[5]]


def test_the_browser_can_cancel_and_begin_anew(made):
    widget = RepairWidget(made[0], steps=100_000)
    widget._handle_custom_msg("cancel", [])
    assert (widget.found.status, widget.running) == ("cancelled", False)
    widget._handle_custom_msg("fit", [])
    assert widget.running
    widget.cancel()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("off", ["q"], "off: expected some of u, g, r, i, z, got 'q'"),
        ("off", list("ugriz"), "off: expected a band left"),
        ("object_ids", [], "object_ids: expected at least one"),
        ("steps", -1, "fit.steps: expected 0 to 100000, got -1"),
        ("weighting", "all", "fit.weighting: expected one of equal, noise, got 'all'"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_changes(made, name, value, message):
    widget = RepairWidget(made[0], steps=1)
    before = getattr(widget, name)
    with pytest.raises((ValueError, traitlets.TraitError), match=message):
        setattr(widget, name, value)
    assert getattr(widget, name) == before
    with pytest.raises(KeyError, match="nobody"):
        widget.object_ids = ["nobody"]
    with pytest.raises(TypeError, match="bandz: expected one of the widget's traits"):
        RepairWidget(made[0], bandz=["u"])
