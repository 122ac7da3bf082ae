"""The occlusion widget: traitlets ask and are answered."""

import numpy as np
import pytest
import traitlets
from at_once import Now, random_run

from galviz.tools.messages import check
from galviz.tools.occlusion import messages
from galviz.tools.occlusion.widget import OcclusionWidget
from galviz.work.explanation import Explanation
from galviz.work.question import OcclusionSettings, Question


@pytest.fixture
def made(tiny_sky, tmp_path, monkeypatch):
    monkeypatch.setattr("galviz.work.chunks.Work", Now)
    tiny_sky.save(tmp_path / "sky")
    return random_run(tmp_path / "run", tiny_sky, tmp_path / "sky")[0], tiny_sky


def test_what_is_set_is_asked_and_the_map_is_the_answer(made):
    run, sky = made
    widget = OcclusionWidget(run, patch=4, stride=4)
    assert (widget.status, widget.progress, widget.map.shape) == ("done", 1.0, (16, 16))
    sent = []
    widget.send = lambda message, buffers: sent.append((message, buffers))
    widget.object_id = sky.object_ids[7]
    expected = Explanation(Question(run, sky, sky.object_ids[7], OcclusionSettings(patch=4, stride=4)))
    expected.poll()
    np.testing.assert_array_equal(widget.map, expected.map()[0])
    assert widget.clean == pytest.approx(expected.clean)
    for message, _ in sent:
        check(message, messages.TO_BROWSER)
    assert {message["id"] for message, _ in sent} == {sky.object_ids[7]}
    message, (values, outputs) = next(one for one in reversed(sent) if one[0]["type"] == "map")
    np.testing.assert_array_equal(np.frombuffer(values, "<f4").reshape(16, 16), widget.map)
    np.testing.assert_array_equal(np.frombuffer(outputs, "<f4"), expected.outputs[0])
    assert message["label"] == "contribution to ln λ · all bands"
    widget.receive({"type": "band", "name": "r"})
    assert (widget.band, widget.found.bands[2]) == ("r", "r")
    np.testing.assert_array_equal(widget.map, widget.found.map()[2])
    widget.value = "output"
    np.testing.assert_array_equal(widget.map, widget.found.map("output")[2])


@pytest.mark.parametrize(("name", "value"), [("band", "q"), ("output", "mass"), ("baseline", "red"), ("patch", 0)])
def test_what_makes_no_sense_is_refused_and_nothing_changes(made, name, value):
    widget = OcclusionWidget(made[0], patch=4, stride=4)
    before = getattr(widget, name)
    with pytest.raises((ValueError, traitlets.TraitError)):
        setattr(widget, name, value)
    assert getattr(widget, name) == before
    with pytest.raises(KeyError, match="not in it"):
        widget.object_id = "nobody"


def test_regions_and_methods_are_traits(made):
    run, sky = made
    widget = OcclusionWidget(run, patch=4, stride=4)
    sent = []
    widget.send = lambda message, **_: sent.append(message)
    drawn = [{"name": "core", "points": [(9.0, 9.0), (13.0, 9.0), (9.0, 13.0)]}]
    widget.receive({"type": "regions", "id": widget.object_id, "regions": drawn})
    assert widget.regions == drawn
    assert list(widget.effects) == ["core"]
    assert "ln λ" in widget.effects["core"]
    assert sent[-1]["texts"]["core"].startswith(widget.effects["core"])
    widget.method = "integrated gradients"
    assert widget.status == "done"
    np.testing.assert_array_equal(widget.map, widget.found.map()[0])
    assert list(widget.effects) == ["core"]
    widget.receive({"type": "step", "by": 1})
    assert widget.object_id == sky.object_ids[1]
    assert (widget.regions, widget.effects) == ([], {})
    with pytest.raises(ValueError, match="thin: expected 3 to 2000 corners"):
        widget.regions = [{"name": "thin", "points": []}]
    with pytest.raises(ValueError, match="message"):
        widget.receive({"type": "other"})
    for message in sent:
        check(message, messages.TO_BROWSER)
