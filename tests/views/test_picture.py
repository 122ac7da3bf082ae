import holoviews as hv
import numpy as np
import pandas as pd
from bokeh.models import Plot, Scatter

from galviz.selection import Selection
from galviz.views.picture import PictureView
from galviz.views.sky import SkyView
from galviz.views.strip import picture_strip
from galviz.views.table import TableView


def shown_ids(root, burned_id):
    """Read the ids in the titles of all pictures, and those burned into the pixels that the browser gets."""
    titles, pixels = set(), set()
    for plot in root.select({"type": Plot}):
        for renderer in plot.renderers:
            image = renderer.data_source.data.get("image")
            if image is not None and np.asarray(image[0]).dtype.kind == "f":
                titles.add(plot.title.text.rpartition(" ")[2])
                pixels.add(burned_id(np.asarray(image[0])[None]))
    return titles, pixels


def test_title_and_pixels_are_those_of_the_focus(tiny_sky, burned_id):
    selection = Selection(focus=tiny_sky.object_ids[3])
    root = PictureView(tiny_sky, selection).__panel__().get_root()
    for object_id in (*tiny_sky.object_ids[[3, 11, 4]], tiny_sky.object_ids[0]):
        selection.focus = object_id
        assert shown_ids(root, burned_id) == ({object_id}, {object_id})


def test_steps_and_typed_ids_move_the_focus(tiny_sky):
    selection = Selection()
    view = PictureView(tiny_sky, selection)
    assert view.object_id == tiny_sky.object_ids[0]
    view._step(-1)
    assert selection.focus == tiny_sky.object_ids[-1]
    view.typed = f" {tiny_sky.object_ids[5]} "
    assert selection.focus == tiny_sky.object_ids[5]
    assert "alert" not in view.facts()
    view.typed = "<b>nobody"
    assert selection.focus == tiny_sky.object_ids[5]
    assert "&lt;b&gt;nobody is not among these 12 objects" in view.facts()


def test_sources_are_marked_where_asked(tiny_sky, burned_id):
    sources = pd.DataFrame({"object_id": tiny_sky.object_ids[:1], "x": 3.0, "y": 4.0, "kind": "member"})
    sky = type(tiny_sky)(
        images=tiny_sky.images[:], bands=tiny_sky.bands, catalogue=tiny_sky.catalogue, pixel_scale=1.0,
        unit="nanomaggy", sources=sources,
    )  # fmt: skip
    selection = Selection(focus=sky.object_ids[0])
    view = PictureView(sky, selection)
    root = view.__panel__().get_root()

    def marked():
        return [m.glyph for p in root.select({"type": Plot}) for m in p.renderers if isinstance(m.glyph, Scatter)]

    assert not marked()
    view.sources = True
    assert len(marked()) == 6
    selection.focus = sky.object_ids[1]  # which has none
    assert shown_ids(root, burned_id) == ({sky.object_ids[1]}, {sky.object_ids[1]})
    view.sources = False
    assert not marked()
    assert shown_ids(root, burned_id) == ({sky.object_ids[1]}, {sky.object_ids[1]})


def test_a_stretch_changes_the_pictures(tiny_sky):
    view = PictureView(tiny_sky, Selection())
    before = hv.Store.lookup_options("bokeh", view.band("r"), "plot").kwargs["clim"]
    view.kind = "linear"
    assert hv.Store.lookup_options("bokeh", view.band("r"), "plot").kwargs["clim"] != before


def test_a_missing_band_says_so(make_sky):
    sky = make_sky(coverage=True)
    view = PictureView(sky, Selection())
    assert "not observed" not in hv.render(view.band("u")).title.text
    view._read = (view.object_id, sky.images[0], np.zeros(sky.images.shape[1:], bool))
    assert hv.render(view.band("u")).title.text == f"u (not observed) · {sky.object_ids[0]}"


def test_a_row_that_is_clicked_is_in_focus_whatever_the_order(tiny_sky):
    selection = Selection()
    table = TableView(tiny_sky.catalogue, selection, rows=5)
    table.widget.sorters = [{"field": "z", "dir": "desc"}]
    root = table.widget.get_root()
    table.widget.page = 2
    shown = root.source.data["object_id"]  # the page that the browser shows
    from panel.models.tabulator import CellClickEvent

    for row, object_id in enumerate(shown):
        table.widget._process_event(CellClickEvent(root, column="z", row=row))
        assert selection.focus == object_id


def test_the_focus_brings_its_page_of_the_table(tiny_sky):
    selection = Selection()
    table = TableView(tiny_sky.catalogue, selection, rows=5)
    selection.focus = tiny_sky.object_ids[11]
    assert table.widget.page == 3
    assert table.widget.selection == [11]
    selection.focus = "not here"
    assert table.widget.page == 3


def test_a_picture_of_the_strip_means_its_object(tiny_sky):
    selection = Selection()
    ids = list(tiny_sky.object_ids[[4, 2]])
    strip = picture_strip(tiny_sky, ids, ["four", "two"], selection)
    assert strip.ids == ids
    assert strip.sheet.startswith("data:image/png;base64,")
    from panel.models.esm import DataEvent

    strip._process_event(DataEvent(None, ids[1]))
    assert selection.focus == ids[1]
    assert strip.focus == ids[1]


def test_a_sky_says_which_data_it_is(tiny_sky):
    said = SkyView(tiny_sky, Selection()).about()
    assert "synthetic sky" in said
    assert "12 objects" in said
    assert "16×16 px of 0.396″" in said


def test_histograms_are_of_columns_that_are_there(tiny_sky):
    view = SkyView(tiny_sky, Selection(), {"richness": "λ", "mass": "M"})
    assert list(view.columns) == ["richness"]
    assert view.__panel__().get_root()


def test_an_empty_sky_is_no_error(tiny_sky):
    assert "nothing to show" in SkyView(tiny_sky.select([]), Selection()).__panel__().object
