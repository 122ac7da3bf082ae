"""The occlusion view: what is asked when, and what is said where there is no answer."""

import shutil

import numpy as np
import pandas as pd
import panel as pn
import pytest
from at_once import Now, random_run

from galviz.nn.explain.occlusion import outputs_at
from galviz.pages.library import Library
from galviz.pages.occlusion_page import OcclusionPage
from galviz.pages.why import WhyView
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tools.messages import check
from galviz.tools.occlusion import messages
from galviz.tools.occlusion.meaning import definition, map_verdict, shapley_sums
from galviz.tools.occlusion.result import sanity_text
from galviz.tools.selection.core import Selection
from galviz.work import worker
from galviz.work.explanation import warm


class Never(Now):
    """Work of which nothing comes."""

    def __init__(self, function, chunks, _=None):
        super().__init__(function, [])
        self.total, self.status = len(chunks), "running"


class Lost(Never):
    """Work that fails."""

    def __init__(self, *given):
        super().__init__(*given)
        self.status, self.error = "failed", "no worker"


@pytest.fixture
def given(tiny_sky, galviz_home, monkeypatch):
    monkeypatch.setattr("galviz.work.chunks.Work", Now)
    tiny_sky.save(galviz_home / "skies" / "tiny")
    run, _ = random_run(galviz_home / "runs" / "random", tiny_sky, galviz_home / "skies" / "tiny")
    return run, tiny_sky


def test_what_comes_into_focus_is_explained_and_told_in_one_message(given):
    run, sky = given
    selection = Selection(sky.catalogue, focus=sky.object_ids[3])
    view = WhyView(run, sky, selection)
    assert view.__panel__().get_root()
    view.poll()
    received = view.one.canvas.latest
    assert received["object"]["id"] == received["map"]["id"] == sky.object_ids[3]
    assert not view.one.running
    assert "done" in view.one.progress()
    selection.focus = sky.object_ids[5]
    assert list(view.one.canvas.latest) == ["object"]  # the old map is gone with its object
    view.poll()
    assert view.one.canvas.latest["map"]["id"] == sky.object_ids[5]
    view.one.step(1)
    assert selection.focus == sky.object_ids[6]


def test_bands_are_asked_for_once_and_then_turned(given):
    run, sky = given
    view = WhyView(run, sky, Selection(sky.catalogue)).one
    view.request.band = "g"
    view.poll()
    found = view.found
    view.request.band = "z"
    assert view.found is found
    values = np.frombuffer(view.canvas.latest["map"]["values"], "<f4").reshape(16, 16)
    np.testing.assert_array_equal(values, found.map()[4])
    view.request.stride = 3
    assert view.found is not found


def test_how_much_each_band_matters_stands_beside_the_map_and_a_bar_shows_its_map(given):
    run, sky = given
    view = WhyView(run, sky, Selection(sky.catalogue)).one
    view.poll()
    shown = view.canvas.latest["map"]
    assert (shown["band"], shown["bands"], shown["effects"]) == ("all bands", list(sky.bands), [])
    view.canvas._handle_msg({"type": "band", "name": "g"})
    assert view.request.band == "g"
    view.poll()
    shown = view.canvas.latest["map"]
    assert shown["band"] == "g"
    np.testing.assert_allclose(shown["effects"], np.abs(view.found.clean - view.found.outputs).mean(1), rtol=1e-6)
    found = view.found
    view.canvas._handle_msg({"type": "band", "name": "z"})  # a click on its bar: its map is known
    assert (view.found is found, view.canvas.latest["map"]["band"]) == (True, "z")
    view.canvas._handle_msg({"type": "band", "name": "nonsense"})
    assert view.request.band == "z"
    view.canvas._handle_msg({"type": "band", "name": "all bands"})
    view.poll()
    assert view.canvas.latest["map"]["effects"] == []


def test_nothing_is_asked_where_the_visitor_wants_to_ask(given):
    run, sky = given
    view = WhyView(run, sky, Selection(sky.catalogue)).one
    view.poll()
    view.automatic = False
    view.selection.focus = sky.object_ids[1]
    assert view.found is None
    view.explain()
    view.poll()
    assert view.canvas.latest["map"]["id"] == sky.object_ids[1]


def test_cancel_keeps_what_has_come(given, monkeypatch):
    run, sky = given
    monkeypatch.setattr("galviz.work.chunks.Work", Never)
    view = WhyView(run, sky, Selection(sky.catalogue)).one
    assert (view.running, view.progress()) == (True, view.progress())
    assert "starting" in view.progress()
    view.cancel()
    assert not view.running
    assert "cancelled" in view.progress()
    monkeypatch.setattr(
        "galviz.work.chunks.Work",
        type(
            "Failed",
            (Never,),
            {
                "status": property(lambda _: "failed", lambda *_: None),
                "error": property(lambda _: "no <workers>", lambda *_: None),
            },
        ),
    )
    view.explain()
    view.poll()
    assert "no <workers>" in view.error


def test_the_mean_is_over_what_is_chosen(given):
    run, sky = given
    selection = Selection(sky.catalogue)
    view = WhyView(run, sky, selection)
    selection.choose(sky.object_ids[:3])
    view.mean.start()
    view.poll()
    assert view.mean.found.count == 3
    selection.choose([])
    view.mean.start()
    view.poll()
    assert view.mean.found.count == len(sky)
    words, maps = view.mean.view()
    assert "occluder" in words.object
    assert len(maps) == 1


def test_the_page_offers_what_can_be_explained(given, make_run):
    make_run("unfinished", "stopped")
    page = OcclusionPage(Library.find())
    assert page.param.run.objects == ["random"]
    assert page.body()
    assert page.shown.one.run.name == "random"


def buttons(layout):
    return list(layout.select(pn.widgets.FileDownload))


def test_files_are_of_the_whole_map_that_is_shown(given):
    run, sky = given
    view = WhyView(run, sky, Selection(sky.catalogue, focus=sky.object_ids[3])).one
    assert not buttons(pn.Column(view.result()))  # nothing has come yet
    view.request.band = "r"
    view.poll()
    fits_file, png = buttons(pn.Column(view.result()))
    assert fits_file.filename == f"occlusion_{sky.object_ids[3]}.fits"
    before = png.callback().read()
    view.automatic = False
    view.request.band = "all bands"  # nothing new is asked: the map of r stays, and with it what is saved
    assert view.found.bands[view.row] == "r"
    assert buttons(pn.Column(view.result()))[1].callback().read() == before


def test_a_map_that_has_not_come_is_not_written(given, monkeypatch):
    run, sky = given
    monkeypatch.setattr("galviz.work.chunks.Work", Never)
    view = WhyView(run, sky, Selection(sky.catalogue)).one
    with pytest.raises(ValueError, match="to_fits: expected a finished map"):
        view.found.to_fits()


def test_a_sanity_check_of_an_even_map_says_that_there_is_nothing_to_compare():
    assert "nothing to compare" in sanity_text(np.nan)
    assert "0.29" in sanity_text(0.29)


def test_the_run_that_was_named_comes_first(given, galviz_home):
    for name in ("newer", "named"):
        shutil.copytree(galviz_home / "runs" / "random", galviz_home.parent / name / "run")
    page = OcclusionPage(Library.find([str(galviz_home.parent / "named" / "run")]))
    assert page.library.run_path(page.run) == galviz_home.parent / "named" / "run"


def test_nothing_stays_of_the_old_run_where_the_new_one_cannot_be_opened(given, galviz_home):
    other = galviz_home / "runs" / "other"
    shutil.copytree(galviz_home / "runs" / "random", other)
    page = OcclusionPage(Library.find())
    page.run = "random"
    assert page.body()
    old, made = page.shown, page.made
    assert len(page._right())
    Run.open(other).update_info(data=str(galviz_home / "skies" / "gone"))
    page.run = "other"
    assert "gone" in str([one.object for one in page.body().select(pn.pane.HTML)])
    assert page.made > made
    assert not len(page._right())
    assert not old.one.running


def triangle(name, at=9.0):
    return {"name": name, "points": [(at, 9.0), (at + 4, 9.0), (at, 13.0)]}


def effects_of(view):
    return view.canvas.latest["effects"]


def test_the_marked_sources_are_hidden_once_the_map_is_there_and_what_it_means_is_a_sentence(given):
    run, sky = given
    view = WhyView(run, sky, Selection(sky.catalogue, focus=sky.object_ids[3])).one
    view.sources = pd.DataFrame({"x": [11.0, 3.0], "y": [11.0, 3.0], "kind": ["member", "star"]})
    assert "Hiding" not in view.meaning()
    view.poll()
    assert "Hiding the only member" in view.meaning()
    assert "(chance: " in view.meaning()
    (effect,) = view.effects.effects.values()
    hidden = np.zeros((16, 16), dtype=bool)
    y, x = np.mgrid[:16, :16]
    hidden[(x - 11) ** 2 + (y - 11) ** 2 <= 4] = True
    np.testing.assert_array_equal(view.effects.masks["marked sources"], hidden)
    assert len(effect.chance) == 24


def test_regions_are_hidden_one_by_one_and_together_and_belong_to_their_object(given):
    run, sky = given
    view = WhyView(run, sky, Selection(sky.catalogue, focus=sky.object_ids[3])).one
    view.poll()
    drawn = [triangle("one"), triangle("two", at=1.0)]
    view.canvas._handle_msg({"type": "regions", "id": sky.object_ids[3], "regions": drawn})
    assert effects_of(view)["busy"]
    assert view.canvas.latest["object"]["regions"] == drawn  # a browser that comes back to the tab draws them again
    view.poll()
    message = effects_of(view)
    assert list(message["texts"]) == ["one", "two", "all together"]
    assert not message["busy"]
    check(message, messages.TO_BROWSER)
    change = {name: effect.change for name, effect in view.effects.effects.items()}
    masks = np.array(list(view.effects.masks.values()))
    request = {"output": ("learned", 0), "patch": 2, "baseline": "mean", "bands": "together"}
    outputs, clean = worker.without(str(run.path), sky.images[3], request, masks)
    np.testing.assert_allclose(list(change.values()), clean - outputs[0], atol=1e-5)
    assert "Hiding both regions" in view.meaning()
    view.canvas._handle_msg({"type": "step", "by": 1})
    assert view.object_id == sky.object_ids[4]
    assert view.canvas.latest["object"]["regions"] == []
    view.receive({"type": "regions", "id": sky.object_ids[3], "regions": []})  # too late: of the object before
    view.step(-1)
    assert view.canvas.latest["object"]["regions"] == drawn
    with pytest.raises(ValueError, match="message"):
        view.canvas._handle_msg({"type": "regions", "id": 3})


def test_a_region_that_cannot_be_measured_says_so_and_is_not_waited_for(given, monkeypatch):
    run, sky = given
    view = WhyView(run, sky, Selection(sky.catalogue)).one
    view.poll()
    monkeypatch.setattr("galviz.work.chunks.Work", Lost)
    view.receive({"type": "regions", "id": view.object_id, "regions": [triangle("one")]})
    assert "Measuring the effect" in view.meaning()
    view.poll()
    assert (view.error, view.effects) == ("no worker", None)
    assert "Measuring" not in view.meaning()
    assert effects_of(view)["texts"] == {"one": "not measured: no worker"}
    assert not effects_of(view)["busy"]


def test_a_map_is_compared_with_chance_once(given, monkeypatch):
    run, sky = given
    requested = []
    monkeypatch.setattr("galviz.tools.occlusion.view.map_verdict", lambda *given: requested.append(given) or "<same>")
    view = WhyView(run, sky, Selection(sky.catalogue)).one
    view.request.band = "g"
    view.poll()
    assert [view.meaning() for _ in range(3)][-1].endswith("&lt;same&gt;")
    assert len(requested) == 1
    view.request.band = "z"
    assert view.meaning()
    assert len(requested) == 2


def test_a_region_that_makes_no_sense_is_an_error_that_is_shown(given):
    run, sky = given
    view = WhyView(run, sky, Selection(sky.catalogue)).one
    view.poll()
    view.receive({"type": "regions", "id": view.object_id, "regions": [{"name": "thin", "points": [(0.0, 0.0)]}]})
    assert view.error.startswith("thin: expected 3 to 2000 corners, got 1")


@pytest.mark.parametrize("method", ["superpixels", "integrated gradients", "Grad-CAM"])
def test_each_method_has_a_map_and_says_what_it_is(given, method):
    run, sky = given
    view = WhyView(run, sky, Selection(sky.catalogue, focus=sky.object_ids[3])).one
    view.request.value = "output"
    view.request.param.update(method=method, segments=12)
    view.poll()
    assert view.error == ""
    message = view.canvas.latest["map"]
    check(message, messages.TO_BROWSER)
    values = np.frombuffer(message["values"], "<f4").reshape(16, 16)
    np.testing.assert_array_equal(values, view.found.map(view.request.value)[0])
    assert view.request.value == ("output" if method == "superpixels" else "change")
    assert message["unit"] == ("" if method == "Grad-CAM" else "ln λ")
    assert np.isfinite(values).all()
    if method == "integrated gradients":
        gap = view.found.clean - view.found.base
        assert view.found.map().sum() == pytest.approx(gap, abs=0.02 * max(1, abs(gap)))
        assert "the pixels sum to" in definition(view.found, "ln λ")
    assert view.result()
    assert view.found.to_fits()
    if method != "Grad-CAM":  # whose map of so small an image is one cell
        assert -1 <= view.found.sane().new_results()[0][1] <= 1
    assert method in view.found.question.text or method == "superpixels"


def with_sources(sky, sources):
    about = {"bands": sky.bands, "catalogue": sky.catalogue, "pixel_scale": sky.pixel_scale, "unit": sky.unit}
    return CutoutSet(images=sky.images, sources=sources, **about)


def test_shapley_values_share_the_output_among_the_sources(given):
    run, sky = given
    where = {"object_id": sky.object_ids[3], "x": [4.0, 11.0, 12.0], "y": [4.0, 12.0, 3.0]}
    sources = pd.DataFrame(where | {"kind": ["member", "member", "star"]})
    view = WhyView(run, with_sources(sky, sources), Selection(sky.catalogue, focus=sky.object_ids[3])).one
    view.request.param.update(method="Shapley values", patch=6)
    view.poll()
    found = view.found
    assert (view.error, found.whole, list(view.request.param.value.objects)) == ("", True, ["change"])
    assert found.outputs.shape == (1, 4)
    assert found.outputs.sum() == pytest.approx(found.clean - found.base, abs=1e-4)
    assert abs(found.clean - found.base) > 1e-3
    image = found.map()[0]
    assert image[[4, 12, 3], [4, 11, 12]] == pytest.approx(found.outputs[0, :3])
    assert np.isnan(image[8, 8])  # the rest of the image
    check(view.canvas.latest["map"], messages.TO_BROWSER)
    table = shapley_sums(found, 0, view.sources)
    assert table["number"].to_dict() == {"members": 2, "stars": 1, "rest of the image": 1}
    assert table["value"].sum() == pytest.approx(found.clean - found.base, abs=1e-4)
    assert "of this: 2 members " in map_verdict(found, 0, view.sources, "ln λ")
    assert "sources of 6 px" in definition(found, "ln λ")
    assert "Shapley values of sources 6 px wide" in found.question.text
    assert view.result()
    assert -1 <= found.sane().new_results()[0][1] <= 1
    bare = WhyView(run, with_sources(sky, sources.iloc[:0]), Selection(sky.catalogue)).one
    bare.request.method = "Shapley values"
    assert bare.error.startswith("method: expected an image with sources for Shapley values, got none")


def test_the_engine_can_be_selected_and_makes_the_same_map(given, monkeypatch):
    run, sky = given
    used = []

    def recorded(*images, **settings):
        used.append(settings["engine"])
        return outputs_at(*images, **settings)

    monkeypatch.setattr("galviz.nn.explain.occlusion.outputs_at", recorded)
    view = WhyView(run, sky, Selection(sky.catalogue)).one
    maps = {}
    for engine in view.request.param.engine.objects.values():
        view.request.engine = engine
        view.poll()
        maps[engine] = view.found.map()
    assert list(dict.fromkeys(used)) == ["auto", "fast", "captum"]
    assert np.abs(maps["fast"] - maps["captum"]).max() < 1e-5
    assert np.abs(maps["captum"]).max() > 1e-3
    assert "computed again by Captum." in definition(view.found, "ln λ")


def test_a_method_that_a_network_does_not_support_says_so(given, galviz_home, monkeypatch):
    monkeypatch.setattr("galviz.work.chunks.Work", Failing)
    _, sky = given
    mixed, _ = random_run(galviz_home / "runs" / "mixed", sky, galviz_home / "skies" / "tiny", apart=False)
    view = WhyView(mixed, sky, Selection(sky.catalogue)).one
    view.request.param.update(method="Grad-CAM", band="g")
    view.poll()
    assert "This network mixes the bands in its first layer" in view.error


class Failing(Now):
    """Work that tells its error instead of raising it, as that of a worker."""

    def __init__(self, function, chunks, on_change=None):
        try:
            super().__init__(function, chunks, on_change)
        except ValueError as error:
            self.status, self.error = "failed", f"ValueError: {error}"


def test_sizes_may_be_given_in_arcsec_and_keep_it_where_the_scale_is_another(given, monkeypatch):
    run, sky = given
    scale = sky.pixel_scale.copy()
    scale[:] = 0.5
    scale[4] = 0.25
    scale[5] = np.nan
    monkeypatch.setattr(sky, "_pixel_scale", scale)
    request = WhyView(run, sky, selection := Selection(sky.catalogue, focus=sky.object_ids[3])).one.request
    request.param.update(patch=4, stride=2)
    request.unit = "″"
    assert (request.patch_arcsec, request.stride_arcsec) == (2.0, 1.0)
    request.patch_arcsec = 3.1
    assert request.patch == 6
    selection.focus = sky.object_ids[4]
    assert (request.patch, request.stride) == (12, 4)
    selection.focus = sky.object_ids[5]
    assert (request.unit, request.patch) == ("px", 12)


def test_a_run_is_warmed_once(given, monkeypatch):
    run, _ = given
    requested = []
    monkeypatch.setattr("galviz.work.chunks.Work", lambda function, chunks: requested.append((function, chunks)))
    monkeypatch.setattr("galviz.work.explanation._warmed", set())
    for _ in range(2):
        warm(run)
    assert requested == [("galviz.work.worker:warmed", [(str(run.path),)])]
    worker.warmed(str(run.path))
