import json
import re

import numpy as np
import pandas as pd
import pytest

from galviz.sky.aperture import aperture_fluxes
from galviz.sky.checks import WCS_COLUMNS
from galviz.sky.cutouts import CutoutSet
from galviz.sky.photometry import stretch_limits
from galviz.tools.display import Stretch, default_stretch, lupton_limits, shown_limits
from galviz.tools.labels.core import Labels
from galviz.tools.messages import check
from galviz.tools.selection.core import Selection
from galviz.tools.viewer import messages
from galviz.tools.viewer.core import sky_links
from galviz.tools.viewer.figure import contours
from galviz.tools.viewer.stretch_controls import ALL, StretchView
from galviz.tools.viewer.view import FocusCanvas, FocusView


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
        check(message, messages.TO_BROWSER)
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
    assert message["arcsec"] == pytest.approx(sky.pixel_scale[1])  # from which the script draws the scale bar
    view.selection.focus = sky.object_ids[2]
    assert view.object_message()["sources"] == [{"x": 3.0, "y": 6.0, "kind": "star", "p_mem": None}]


def test_limits_are_those_of_photometry_without_what_was_not_observed(sky):
    looks = StretchView(sky, kind="zscale")
    view = FocusView(sky, Selection(sky.catalogue), stretch_view=looks)
    limits = view.stretch_message()["limits"]
    seen = sky.coverage[0]
    for k, name in enumerate(sky.bands):
        assert limits[name] == stretch_limits(sky.images[0][k][seen[k]], "zscale")
    assert set(limits) == {*sky.bands, "RGB"}
    looks.picture = "u"
    assert view.stretch_message()["name"] == "u"


@pytest.mark.parametrize(
    "given",
    [{}, {"kind": "asinh", "red": "z"}, {"kind": "zscale"}, {"kind": "percentile", "percentile": 95.0},
     {"brightness": 3.0}, {"black": -0.01, "white": 0.4}],
)  # fmt: skip
def test_every_picture_has_the_limits_that_figures_give_it(sky, given):
    looks = StretchView(sky, picture=ALL, **given)
    message = FocusView(sky, Selection(sky.catalogue, focus=sky.object_ids[3]), stretch_view=looks).stretch_message()
    images, seen, look = sky.images[3], sky.coverage[3], looks.stretch()
    assert (message["name"], look.bands) == (ALL, (looks.red, "r", "g"))
    assert message["pictures"] == [["RGB", [looks.red, "r", "g"]], *([band, [band]] for band in sky.bands)]
    for k, name in enumerate(sky.bands):
        assert message["limits"][name] == shown_limits(images[k], look, seen[k])
    rows = [sky.bands.index(name) for name in look.bands]
    colours = lupton_limits if looks.kind == "lupton" else shown_limits
    assert message["limits"]["RGB"] == colours(images[rows], look, seen[rows].all(axis=0))


def test_steps_go_through_the_ids_given_and_a_typed_id_to_any(sky):
    ids = list(sky.object_ids[[5, 2, 7]])
    selection, sent = Selection(sky.catalogue), []
    view = FocusView(sky, selection, ids=ids)
    view.canvas._send_msg = sent.append
    assert view.object_id == ids[0]
    seen = []
    for by in (1, 1, 1, -1, -1, -1, -1):
        view.canvas._handle_msg({"type": "step", "by": by})
        seen.append((selection.focus, sent[-1]["id"], sent[-1]["place"], sent[-1]["count"]))
    assert seen == [(ids[k], ids[k], k + 1, 3) for k in (1, 2, 0, 2, 1, 0, 2)]
    other = str(sky.object_ids[0])
    view.receive({"type": "go", "id": f" {other} "})
    assert (selection.focus, sent[-1]["id"], sent[-1]["place"]) == (other, other, 0)
    view.receive({"type": "go", "id": "<b>nobody"})
    assert selection.focus == other
    check(sent[-1], messages.TO_BROWSER)
    assert sent[-1] == {"type": "alert", "text": "<b>nobody is not among these 3 objects."}
    view.receive({"type": "step", "by": 1})
    assert selection.focus == ids[0]  # from one that is not in the order, to its start
    plain = FocusView(sky, Selection(sky.catalogue))
    plain.receive({"type": "step", "by": -1})
    assert plain.selection.focus == sky.object_ids[-1]


def test_a_picture_that_is_clicked_is_that_of_the_looks(sky):
    view = FocusView(sky, Selection(sky.catalogue), picture=ALL)
    assert view.stretch_view.picture == ALL
    view.receive({"type": "picture", "name": "g"})
    assert (view.stretch_view.picture, view.stretch_message()["name"]) == ("g", "g")
    view.receive({"type": "picture", "name": "no band"})
    assert view.stretch_view.picture == "g"
    with pytest.raises(ValueError, match="step, go, picture, contours, circle, got 'eval'"):
        view.receive({"type": "eval"})


def test_the_first_picture_is_refused_where_there_is_none_of_that_name(sky):
    assert FocusView(sky, Selection(sky.catalogue)).stretch_view.picture == "RGB"
    with pytest.raises(ValueError, match="picture"):
        FocusView(sky, Selection(sky.catalogue), picture="y")
    with pytest.raises(ValueError, match="more than once"):
        FocusView(sky, Selection(sky.catalogue), ids=["1", "1"])
    one = CutoutSet(
        images=sky.images[:][:, :1], bands=("u",), catalogue=sky.catalogue, pixel_scale=1.0, unit="nanomaggy"
    )
    view = FocusView(one, Selection(sky.catalogue), picture=ALL)
    assert (view.stretch_view.picture, view.stretch_message()["pictures"]) == ("u", [["u", ["u"]]])


def test_controls_of_all_bands_are_those_of_colours_and_of_bands(sky):
    looks = StretchView(sky, picture=ALL)
    wanted = {"red": True, "brightness": True, "palette": True, "softening": True, "percentile": True}
    assert {name: looks._has_effect(name).rx.value for name in wanted} == wanted
    looks.picture = "RGB"
    assert {name: looks._has_effect(name).rx.value for name in wanted} == dict.fromkeys(wanted, False) | {
        "red": True,
        "brightness": True,
    }
    looks.param.update(picture="r", kind="linear")
    assert {name: looks._has_effect(name).rx.value for name in wanted} == dict.fromkeys(wanted, False) | {
        "palette": True
    }


def test_pixels_meant_for_the_eye_are_shown_as_they_are(sky):
    for bands in (("one", "two", "three"), ("R", "G", "B"), ("i", "r", "g")):
        assert default_stretch(bands, "display") == Stretch(bands=bands, kind="linear", limits=(0.0, 1.0))
        same = {"bands": bands, "catalogue": sky.catalogue, "pixel_scale": 0.396, "unit": "display"}
        message = FocusView(CutoutSet(images=sky.images[:][:, :3], **same), Selection(), picture=ALL).stretch_message()
        assert message["pictures"][0] == ["RGB", list(bands)]
        assert message["kind"] == "linear"
        assert set(message["limits"].values()) == {(0.0, 1.0)}


def test_the_focus_moves_while_limits_make_no_sense(sky):
    selection, sent = Selection(sky.catalogue), []
    view = FocusView(sky, selection)
    view.canvas._send_msg = sent.append
    before = view.stretch_message()["limits"]["r"]
    view.stretch_view.param.update(black=1.0, white=0.0)
    selection.focus = sky.object_ids[4]
    assert sent[-1]["id"] == sky.object_ids[4]
    assert sent[-1]["stretch"]["limits"]["r"] != before


def test_a_focus_that_nobody_here_knows_shows_the_first(sky):
    assert FocusView(sky, Selection(focus="of another sky")).object_message()["id"] == sky.object_ids[0]


def test_a_look_that_makes_no_sense_is_said_and_not_sent(sky):
    view, sent = FocusView(sky, Selection(sky.catalogue)), []
    view.canvas._send_msg = sent.append
    view.stretch_view.gamma = 0.5
    check(sent[-1], messages.TO_BROWSER)
    assert (sent[-1]["type"], sent[-1]["stretch"]["gamma"], sent[-1]["turn"]) == ("stretch", 0.5, False)
    view.stretch_view.param.update(black=1.0, white=0.0)
    assert len(sent) == 1
    assert "limits" in view.stretch_view.error
    view.stretch_view.param.update(black=0.0, white=1.0, picture="g")
    assert (sent[-1]["turn"], sent[-1]["stretch"]["limits"]["g"]) == (True, (0.0, 1.0))
    assert view.stretch_view.error == ""


def test_an_object_without_a_picture_is_said_to_have_none(sky):
    facts = pd.DataFrame({"z": [0.5]}, index=pd.Index(["elsewhere"], name="object_id"))
    view = FocusView(sky, Selection(facts, focus="elsewhere"), facts)
    message = view.object_message()
    check(message, messages.TO_BROWSER)
    assert "pixels" not in message
    assert (message["id"], message["facts"], message["wcs"]) == ("elsewhere", [["z", "0.5"]], None)


def test_whole_numbers_among_the_facts_keep_their_digits_and_the_first_of_several_rows_counts(sky):
    ids = [2**60 + 1, 3, 4]
    facts = pd.DataFrame({"objid": ids, "mjd": [51602.0, 1, 2], "z": [0.123456, 1, 2]}, index=["a", "a", "b"])
    view = FocusView(sky, Selection(facts[1:], focus="a"), facts, ids=["a", "b"])
    assert view.object_message()["facts"] == [["objid", str(2**60 + 1)], ["mjd", "51602"], ["z", "0.1235"]]


def test_a_closed_viewer_follows_nothing(sky):
    selection, sent = Selection(sky.catalogue), []
    view = FocusView(sky, selection)
    view.canvas.send = sent.append
    view.close()
    selection.focus = sky.object_ids[2]
    view.stretch_view.gamma = 2.0
    assert sent == []


def test_in_a_pane_it_fills_what_there_is_and_its_settings_are_elsewhere(sky):
    view = FocusView(sky, Selection(sky.catalogue), height=384)
    assert view.object_message()["tallest"] == 384
    assert len(view.__panel__()) == 2  # as notebooks show it: settings above
    pane = view.pane()
    assert (pane.sizing_mode, pane.min_height, pane.height) == ("stretch_both", 260, None)
    assert view.object_message()["tallest"] == 0
    assert view.settings().select(lambda part: part.name == "Gamma")


def test_links_lead_to_the_place_of_the_image_and_hold_nothing_but_numbers(sky):
    view = FocusView(sky, Selection(sky.catalogue, focus=sky.object_ids[1]))
    message = view.object_message()
    check(message, messages.TO_BROWSER)
    ra, dec = sky.wcs_of(sky.object_ids[1]).wcs_pix2world(7.5, 7.5, 0)
    assert [name for name, _ in message["links"]] == ["Aladin Lite", "SkyServer", "Legacy Survey"]
    for _, link in message["links"]:
        assert re.fullmatch(r"https://[a-z.]+/[\w/?=&%.,+-]*", link)
        assert f"{ra % 360:.7f}" in link
        assert f"{dec:.7f}" in link.replace("+", "")
    facts = pd.DataFrame({"ra": ["10.5", "<b>"], "dec": ["-3.25", "1"]}, index=pd.Index(["a", "b"], name="object_id"))
    view = FocusView(sky, Selection(facts, focus="a"), facts)
    assert "ra=10.5000000&dec=-3.2500000" in dict(view.object_message()["links"])["SkyServer"]
    view.selection.focus = "b"
    assert view.object_message()["links"] == []
    assert sky_links(10, 91) == sky_links(np.nan, 0) == []


def test_a_circle_is_measured_in_every_band(sky):
    object_id = str(sky.object_ids[2])
    view, sent = FocusView(sky, Selection(sky.catalogue, focus=object_id)), []
    view.canvas._send_msg = sent.append
    size = sky.images.shape[-1]
    circle = {"type": "circle", "id": object_id, "x": size / 2, "y": size / 2, "radius": 3.0, "inner": 5, "outer": 7}
    view.receive(circle)
    check(sent[-1], messages.TO_BROWSER)
    json.dumps(sent[-1], allow_nan=False)
    row = sky.row_of([object_id])[0]
    more = {"coverage": sky.coverage[row], "zero_point": 22.5}
    expected = aperture_fluxes(sky.images[row], sky.bands, (size / 2, size / 2), 3.0, (5, 7), **more)
    assert [one["band"] for one in sent[-1]["bands"]] == list(sky.bands)
    assert sent[-1]["bands"][2]["flux"] == expected.loc["r", "flux"]
    view.receive(circle | {"radius": -1.0})
    check(sent[-1], messages.TO_BROWSER)
    assert sent[-1]["problem"].startswith("The radius must be above 0")
    view.receive(circle | {"id": "another"})  # late: it is no longer shown
    assert len(sent) == 2


def test_display_pixels_are_not_measured_and_fluxes_without_zero_point_have_no_magnitude(sky):
    same = {"images": sky.images[:], "bands": sky.bands, "catalogue": sky.catalogue, "pixel_scale": 0.4}
    for unit in ("display", "flux"):
        view, sent = FocusView(CutoutSet(**same, unit=unit), Selection()), []
        view.canvas._send_msg = sent.append
        request = {"type": "circle", "id": view.object_id, "x": 9, "y": 9, "radius": 3, "inner": 4, "outer": 6}
        view.receive(request)
        if unit == "display":
            assert sent[-1]["bands"] == []
            assert "Display pixels carry no flux" in sent[-1]["problem"]
        else:
            assert {one["mag"] for one in sent[-1]["bands"]} == {None}
            assert all(one["flux"] is not None for one in sent[-1]["bands"])


def test_contours_are_those_of_the_band_of_the_object(sky):
    view, sent = FocusView(sky, Selection(sky.catalogue, focus=sky.object_ids[3])), []
    view.canvas._send_msg = sent.append
    request = {"type": "contours", "id": str(sky.object_ids[3]), "band": "g", "count": 3}
    view.receive(request)
    check(sent[-1], messages.TO_BROWSER)
    levels, lines = contours(sky.images[3][1], 3, sky.coverage[3][1])
    assert sent[-1]["levels"] == levels
    assert len(sent[-1]["lines"]) == len(lines) > 0
    np.testing.assert_allclose(sent[-1]["lines"][0], lines[0].ravel(), atol=0.005)
    view.receive(request | {"count": 99})
    assert len(sent[-1]["levels"]) == 12
    view.receive(request | {"band": "<b>"})
    assert sent[-1]["lines"] == []


def test_coordinates_that_are_not_known_are_not_shown(sky):
    wcs = sky.wcs
    wcs.loc[sky.object_ids[0], "cd1_1"] = np.nan
    same = {"images": sky.images[:], "bands": sky.bands, "catalogue": sky.catalogue, "unit": sky.unit}
    message = FocusView(CutoutSet(**same, pixel_scale=np.nan, wcs=wcs), Selection()).object_message()
    assert (message["wcs"], message["links"], message["arcsec"]) == (None, [], 0.0)
    json.dumps({name: value for name, value in message.items() if name != "pixels"}, allow_nan=False)


def test_the_component_carries_its_code_and_asks_for_no_other():
    code = FocusCanvas._render_esm() + FocusCanvas._stylesheets[0]
    assert not re.search(r"^import\b|\bimport\(", code, re.MULTILINE)
    assert "url(" not in code
    assert code.count("http") == code.count("http://www.w3.org/2000/svg") == 1
