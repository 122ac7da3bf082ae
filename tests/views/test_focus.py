import numpy as np
import pandas as pd
import pytest

from galviz.labels import Labels
from galviz.selection import Selection
from galviz.sky.checks import WCS_COLUMNS
from galviz.sky.cutouts import CutoutSet
from galviz.sky.photometry import stretch_limits
from galviz.views.focus import FocusCanvas, FocusView
from galviz.views.look import LookView


@pytest.fixture
def sky(make_sky):
    """8 objects with coverage, WCS and sources."""
    plain = make_sky(8, coverage=True)
    numbers = np.arange(8 * len(WCS_COLUMNS), dtype=float).reshape(8, -1)
    wcs = pd.DataFrame(numbers, columns=list(WCS_COLUMNS), index=plain.catalogue.index)
    ids = plain.object_ids[[1, 1, 2]]
    sources = {
        "object_id": ids,
        "x": [1, 2.5, 3],
        "y": [4.0, 5, 6],
        "kind": ["bcg", "member", "star"],
        "p_mem": [1, 0.5, np.nan],
    }
    return CutoutSet(
        images=plain.images,
        coverage=plain.coverage,
        bands=plain.bands,
        catalogue=plain.catalogue,
        pixel_scale=np.linspace(0.2, 2, 8),
        unit=plain.unit,
        wcs=wcs,
        sources=pd.DataFrame(sources),
        origin=plain.origin,
    )


def test_id_and_pixels_come_in_one_message_for_every_focus(sky, burned_id):
    selection, sent = Selection(sky.catalogue), []
    view = FocusView(sky, selection)
    view.canvas._send_msg = sent.append
    for object_id in np.random.default_rng(0).choice(sky.object_ids, 30):
        selection.focus = str(object_id)
        message = sent[-1]
        pixels = np.frombuffer(message["pixels"], "<f4").reshape(5, message["height"], message["width"])
        covered = np.frombuffer(message["coverage"], np.uint8).reshape(pixels.shape)
        row = sky.row_of([selection.focus])[0]
        assert message["id"] == selection.focus == burned_id(pixels)
        np.testing.assert_array_equal(pixels, sky.images[row])
        np.testing.assert_array_equal(covered, sky.coverage[row])
        assert message["wcs"]["crval"] == [8.0 * row, 8.0 * row + 1]
        assert ["richness", f"{sky.catalogue['richness'].iloc[row]:.4g}"] in message["facts"]


def test_scale_bar_sources_and_label_are_those_of_the_object(sky, tmp_path):
    labels = Labels(tmp_path / "labels.csv")
    labels.set(sky.object_ids[1], "relaxed")
    view = FocusView(sky, Selection(sky.catalogue, focus=sky.object_ids[1]), labels=labels)
    message = view.object_message()
    assert [(s["kind"], s["p_mem"]) for s in message["sources"]] == [("bcg", 1.0), ("member", 0.5)]
    assert message["facts"][0] == ["label", "relaxed"]
    assert message["bar"]["label"] == "2″"  # 16 px of 0.457″
    assert message["bar"]["pixels"] == pytest.approx(2 / sky.pixel_scale[1])
    view.selection.focus = sky.object_ids[2]
    assert view.object_message()["sources"] == [{"x": 3.0, "y": 6.0, "kind": "star", "p_mem": None}]


def test_limits_are_those_of_photometry_without_what_was_not_observed(sky):
    looks = LookView(sky, kind="zscale")
    view = FocusView(sky, Selection(sky.catalogue), looks=looks)
    limits = view.look_message()["limits"]
    seen = sky.coverage[0]
    for k, name in enumerate(sky.bands):
        assert limits[name] == stretch_limits(sky.images[0][k][seen[k]], "zscale")
    assert set(limits) == {*sky.bands, "RGB"}
    looks.picture = "u"
    assert view.look_message()["name"] == "u"


def test_a_look_that_makes_no_sense_is_said_and_not_sent(sky):
    view, sent = FocusView(sky, Selection(sky.catalogue)), []
    view.canvas._send_msg = sent.append
    view.looks.gamma = 0.5
    assert (sent[-1]["type"], sent[-1]["look"]["gamma"], sent[-1]["turn"]) == ("look", 0.5, False)
    view.looks.param.update(black=1.0, white=0.0)
    assert len(sent) == 1
    assert "limits" in view.looks.error
    view.looks.param.update(black=0.0, white=1.0, picture="g")
    assert (sent[-1]["turn"], sent[-1]["look"]["limits"]["g"]) == (True, (0.0, 1.0))
    assert view.looks.error == ""


def test_an_object_without_a_picture_is_said_to_have_none(sky):
    facts = pd.DataFrame({"z": [0.5]}, index=pd.Index(["elsewhere"], name="object_id"))
    view = FocusView(sky, Selection(facts, focus="elsewhere"), facts)
    message = view.object_message()
    assert "pixels" not in message
    assert (message["id"], message["facts"], message["wcs"]) == ("elsewhere", [["z", "0.5"]], None)


def test_the_component_carries_its_code_and_asks_for_no_other():
    code = FocusCanvas._render_esm()
    assert "import " not in code
    assert code.count("http") == code.count("http://www.w3.org/2000/svg") == 1
