import hashlib
import json

import numpy as np
import pandas as pd
import panel as pn
import pytest
from PIL import Image
from shown import all_text, script_of

import galviz
from galviz.io.tables import write_table
from galviz.pages.explore_page import ExplorePage
from galviz.pages.explorer import Explorer
from galviz.pages.library import Library
from galviz.pages.open_any import open_any
from galviz.pages.results.pretext import View as BandsView
from galviz.pages.saved_views import ViewState, read_view
from galviz.pages.sky import SkyView
from galviz.pages.upload import Upload, uploads
from galviz.runs.run import Run
from galviz.sky.readers.pictures import pictures
from galviz.tools.selection.core import Selection
from galviz.tools.selection.snapshot import Snapshot
from galviz.tools.table.view import TableView
from galviz.tools.viewer.core import ObjectData


@pytest.fixture
def explorer(tiny_sky):
    return Explorer(tiny_sky.catalogue, tiny_sky)


def shown_ids(explorer):
    return explorer.gallery.album.ids(0, 100)


def test_plots_gallery_and_picture_have_one_selection(explorer, tiny_sky):
    assert explorer.__panel__().get_root()
    ids = list(tiny_sky.object_ids[[2, 7]])
    explorer.gallery.only_selected = True
    assert shown_ids(explorer) == []
    explorer.plots[0].selection.choose(ids)
    assert shown_ids(explorer) == ids
    explorer.selection.invert()
    assert len(shown_ids(explorer)) == 10
    explorer.gallery.only_selected = False
    assert len(shown_ids(explorer)) == 12
    explorer.selection.focus = ids[1]
    assert explorer.picture.selection.focus == ids[1]


def test_the_state_is_readable_json_and_opens_the_same(explorer, tiny_sky):
    explorer.plots[0].param.update(kind="scatter", x="z", y="richness * 2", guide="zero and medians")
    explorer.gallery.param.update(order="z", descending=True, filter="richness > 20")
    explorer.gallery.stretch_view.param.update(picture="r", kind="zscale", gamma=0.5)
    explorer.selection.where("z < 0.2")
    explorer.selection.keep_as("near")
    explorer.selection.focus = tiny_sky.object_ids[5]
    state = json.loads(json.dumps(explorer.state()))
    again = Explorer(tiny_sky.catalogue, tiny_sky)
    again.restore(state)
    assert again.state() == state
    assert shown_ids(again) == shown_ids(explorer)
    assert again.selection.ids.tolist() == explorer.selection.ids.tolist()
    assert again.selection.names == ("near",)
    assert again.gallery.stretch_view.stretch() == explorer.gallery.stretch_view.stretch()
    assert "brightness" not in json.dumps(state)  # what nobody touched is not written


def test_a_view_that_was_saved_with_the_old_name_of_a_setting_opens_as_before(explorer, tiny_sky):
    explorer.restore({"gallery": {"only_chosen": True}, "selection": {"steps": [("where", {"expression": "z < 0.2"})]}})
    assert explorer.gallery.only_selected
    assert shown_ids(explorer) == list(tiny_sky.catalogue.query("z < 0.2").index)


def test_a_view_that_was_saved_before_plots_had_colours_opens_as_before(explorer):
    explorer.restore({"plots": [{"kind": "scatter", "x": "z", "y": "richness"}]})
    assert (explorer.plots[0].x, explorer.plots[0].colour) == ("z", "")
    before = explorer.changed
    explorer.plots[0].colour = "richness * 2"
    assert explorer.changed > before
    assert explorer.state()["plots"][0]["colour"] == "richness * 2"


def test_a_guide_that_was_taken_away_stays_away(tiny_sky):
    plots = [{"kind": "scatter", "x": "z", "y": "richness", "guide": "1:1 line"}]
    explorer, again = (Explorer(tiny_sky.catalogue, tiny_sky, plots=plots) for _ in range(2))
    explorer.plots[0].guide = "none"
    again.restore(json.loads(json.dumps(explorer.state())))
    assert again.plots[0].guide == "none"


def test_every_change_counts(explorer, tiny_sky):
    changes = [
        lambda: explorer.selection.where("z < 0.2"),
        lambda: setattr(explorer.selection, "focus", tiny_sky.object_ids[3]),
        lambda: setattr(explorer.plots[1], "bins", 12),
        lambda: setattr(explorer.gallery, "order", "z"),
        lambda: setattr(explorer.gallery.stretch_view, "gamma", 0.5),
    ]
    for change in changes:
        before, state = explorer.changed, explorer.state()
        change()
        assert explorer.changed > before
        assert explorer.state() != state


def test_a_view_is_saved_and_opened_and_a_bad_one_is_said(explorer, tiny_sky):
    explorer.selection.where("z < 0.2")
    kept = ViewState(explorer, "view", of="a", about={"table": "somewhere.csv"})
    assert kept.__panel__().select(pn.widgets.FileDownload)[0].filename == "a view.json"
    assert kept.content()["of"] == "a"
    content = json.dumps(kept.content())
    other = Explorer(tiny_sky.catalogue, tiny_sky)
    again = ViewState(other, "view", of="a")
    again.open(content)
    assert again.error == ""
    assert other.selection.ids.tolist() == explorer.selection.ids.tolist()
    assert read_view(content)["table"] == "somewhere.csv"
    for bad, why in (
        ("{", "something else"),
        ("[1]", "other JSON"),
        ('{"kind": "galviz view", "state": {"gallery": {"owner": 1}}}', "expected some of"),
        ('{"kind": "galviz view", "state": {"selection": {"steps": [["where", {"expression": "q < 1"}]]}}}', "column"),
        ('{"kind": "galviz view", "state": {"plots": [{"kind": "pie"}]}}', "kind"),
    ):
        again.open(bad)
        assert why in again.error


def test_the_address_keeps_what_fits(explorer, tiny_sky, monkeypatch):
    import panel as pn
    from panel.io.location import Location

    location = Location(search="?theme=dark")
    monkeypatch.setattr(type(pn.state), "location", property(lambda _: location))
    kept = ViewState(explorer, "view", of="tiny")
    explorer.selection.where("z < 0.2 and richness > 3")
    assert "theme=dark" in location.search
    again = Explorer(tiny_sky.catalogue, tiny_sky)
    ViewState(again, "view", of="tiny")
    assert again.selection.ids.tolist() == explorer.selection.ids.tolist()
    another = Explorer(tiny_sky.catalogue, tiny_sky)
    ViewState(another, "view", of="another sky")  # the address is not about it
    assert not len(another.selection)
    explorer.selection.lasso("z", "richness", np.random.default_rng(0).random((400, 2)))
    assert kept.too_long
    assert "view=" not in location.search
    assert "theme=dark" in location.search


def test_a_sky_says_which_data_it_is(tiny_sky):
    view = SkyView(tiny_sky, Selection(), {"richness": "λ", "mass": "M"})
    assert "synthetic sky" in view.about()
    assert "12 objects" in view.about()
    assert "16×16 px of 0.396″" in view.about()
    assert [plot.x for plot in view.explorer.plots] == ["richness"]
    assert view.__panel__().get_root()
    assert "nothing to show" in all_text(SkyView(tiny_sky.select([]), Selection()))


def test_a_sky_says_what_was_left_out_of_it(tmp_path, tiny_sky):
    for name in ("one", "two"):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{name}.png")
    (tmp_path / "torn.png").write_bytes(b"no picture")
    sky = galviz.open(tmp_path, out=tmp_path / "sky", skip_bad=True, report=None)
    view = SkyView(sky, Selection(), source=str(tmp_path / "sky"))
    assert "2 objects" in view.about()
    assert "1 left out" in view.about()
    view.explorer.panes.open("Left out (1)")
    (table,) = [one.value for one in view.__panel__().select(pn.widgets.Tabulator) if "reason" in one.value]
    assert table.to_dict("index") == {
        "torn": {
            "file": "torn.png",
            "reason": "images: expected a picture, got torn.png, which cannot be read (cannot identify image file). "
            "Replace it.",
        }
    }
    tiny_sky.save(tmp_path / "whole")
    assert "left out" not in SkyView(tiny_sky, Selection(), source=str(tmp_path / "whole")).about()


def test_a_cell_of_the_bands_matrix_chooses_its_objects(told_bands, sky):
    view = BandsView(told_bands, Selection(), sky)
    assert view.__panel__().get_root()
    assert len(view.shown) == 6 * 5
    assert view.explorer.table.loc[sky.object_ids[0], "u_pred"] == "g"
    assert (view.explorer.table["bands_correct"] == 4).all()
    import holoviews as hv

    matrix = view.matrix()
    assert matrix.get_root()
    streams = [s for found in hv.streams.Stream.registry.values() for s in found if isinstance(s, hv.streams.Tap)]
    streams[-1].event(x="g", y="u")
    assert view.explorer.selection.ids.tolist() == list(sky.object_ids[::2])
    streams[-1].event(x="r", y="u")
    assert len(view.explorer.selection) == 0
    view.training = True
    assert len(view.explorer.table) == 12
    assert "12 objects, 6 of them training objects" in view.about()
    assert "60 images of one band each" in view.about()


@pytest.fixture
def folder(tmp_path, tiny_sky):
    """A table, and pictures of all its objects but the last."""
    (tmp_path / "pictures").mkdir()
    for k, object_id in enumerate(tiny_sky.object_ids[:-1]):
        pixels = np.zeros((8, 10, 3), np.uint8)
        pixels[0, :, 0] = 20 * k
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"{object_id}.png")
    write_table(tmp_path / "table.parquet", tiny_sky.catalogue.assign(prediction=1.0), "parquet")
    return tmp_path


def test_a_picture_is_that_of_its_id_in_the_order_of_the_table(folder, tiny_sky):
    table = tiny_sky.catalogue.iloc[::-1]
    sky = pictures(folder / "pictures", table)
    assert list(sky.object_ids) == list(tiny_sky.object_ids[:-1][::-1])
    images = sky.images[:]
    assert images.shape == (11, 3, 8, 10)
    np.testing.assert_allclose(images[:, 0, -1, 0], np.arange(10, -1, -1) * 20 / 255)  # the top row is the last
    assert images[:, :, :-1].max() == 0
    assert sky.unit == "display"
    assert np.isnan(sky.pixel_scale).all()  # nobody knows it, so no scale bar may be drawn
    assert ObjectData(sky, None, None, None).object_message(sky.object_ids[0])["arcsec"] == 0


def test_pictures_that_do_not_fit_are_refused(folder, tiny_sky):
    with pytest.raises(ValueError, match="named by object_id, such as a"):
        pictures(folder / "pictures", pd.DataFrame({"z": [1.0]}, index=pd.Index(["a"], name="object_id")))
    with pytest.raises(NotADirectoryError, match="no folder"):
        pictures(folder / "nowhere")
    (folder / "pictures" / f"{tiny_sky.object_ids[0]}.jpg").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="expected a picture an object"):
        pictures(folder / "pictures")
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match="got none"):
        pictures(folder / "empty")


def test_anything_opens(folder, tiny_sky, sky, estimates, make_run):
    opened = open_any(folder / "table.parquet", folder / "pictures")
    assert len(opened.cutouts) == 11
    assert opened.pair == ("z", "prediction")
    assert len(open_any(folder / "pictures").table) == 11
    tiny_sky.save(folder / "sky")
    assert open_any(folder / "sky").cutouts.unit == "nanomaggy"
    assert len(open_any(folder / "table.parquet", folder / "sky").cutouts) == 12
    run = make_run("first", predictions=estimates)
    assert isinstance(open_any(run.path).run, Run)
    assert "residual" in open_any(run.path).table
    assert len(open_any(run.path).table) == 6  # not those that it was trained on
    with pytest.raises(FileNotFoundError, match="which is not there"):
        open_any(folder / "nothing.csv")
    with pytest.raises(ValueError, match="expected one with predictions"):
        open_any(make_run("second").path)


def test_an_empty_page_has_a_button_for_each_data_that_it_finds(galviz_home, tiny_sky):
    tiny_sky.save(galviz_home / "skies" / "tiny")
    page = ExplorePage([], Library.find())
    (button,) = page.body().select(pn.widgets.Button)
    assert button.label == "Open sky tiny"
    button.clicks += 1
    assert "12 objects" in all_text(page.body())


def test_the_page_opens_what_it_is_told_or_says_what_to_do(folder, tiny_sky):
    assert "Nothing is open yet" in all_text(ExplorePage([], Library.find()).body())
    page = ExplorePage([folder / "table.parquet", folder / "pictures"], Library.find())
    body = page.body()
    assert "12 objects" in body[0].object
    page.view.explorer.selection.where("z < 0.2")
    (folder / "view.json").write_text(json.dumps(page.view.content()))
    again = ExplorePage([folder / "view.json"], Library.find())
    assert "12 objects" in again.body()[0].object
    assert again.view.explorer.selection.ids.tolist() == page.view.explorer.selection.ids.tolist()
    assert len(again.view.explorer.cutouts) == 11
    page.id_column = "nothing"
    assert "Column of ids" in page.body()[0].object
    (folder / "plain.csv").write_text("z,r\n" + "0.1,20\n" * 12)
    page = ExplorePage([folder / "plain.csv"], Library.find())
    assert "12 objects" in page.body()[0].object
    assert "the rows are numbered" in page.notes[0]
    assert page.view.explorer.table.index[0] == "row-01"


def test_a_view_from_a_visitor_opens_no_file_of_the_server(folder, bring):
    page = ExplorePage([], Library.find())
    view = {"kind": "galviz view", "table": str(folder / "table.parquet"), "state": {}}
    bring(page, "view.json", json.dumps(view).encode())
    assert "role='alert'" in page.body().object
    assert page.view is None


def test_what_was_opened_last_is_shown(folder, tiny_sky, sky, bring):
    page = ExplorePage([], Library.find())
    bring(page, "mine.parquet", (folder / "table.parquet").read_bytes())
    assert "mine.parquet" in page.body()[0].object
    assert "read_table('mine.parquet')" in script_of(page.view.explorer.out)
    page.selected = page.param.selected.objects["sky tiny"]
    assert "tiny" in page.body()[0].object
    bring(page, "again.parquet", (folder / "table.parquet").read_bytes())
    assert "again.parquet" in page.body()[0].object


def test_an_upload_outlives_a_reload_and_names_no_other_file(folder, monkeypatch, bring):
    import panel as pn
    from panel.io.location import Location

    location = Location(search="?theme=dark")
    monkeypatch.setattr(type(pn.state), "location", property(lambda _: location))
    page = ExplorePage([], Library.find())
    bring(page, "mine.parquet", (folder / "table.parquet").read_bytes())
    again = ExplorePage([], Library.find())
    assert "mine.parquet" in again.body()[0].object
    assert "theme=dark" in location.search
    location.search = "?upload=../*"
    assert ExplorePage([], Library.find()).uploaded == ""


def test_the_table_marks_what_is_chosen_and_what_is_in_focus(tiny_sky):
    selection = Selection(tiny_sky.catalogue)
    view = TableView(tiny_sky.catalogue, selection, rows=4)
    assert (view.widget.selection, view.summary()) == ([], "")
    selection.choose(tiny_sky.object_ids[[5, 1]])
    selection.focus = tiny_sky.object_ids[9]
    assert view.widget.selection == [1, 5, 9]
    assert view.widget.page == 3
    assert view.summary().startswith(f"<span class='note'>Marked: the 2 selected and <b>{tiny_sky.object_ids[9]}</b>")


def test_the_lines_of_python_run_whatever_was_opened(folder, tiny_sky, estimates, told_bands, make_run):
    tiny_sky.save(folder / "sky")
    opened = [open_any(folder / "table.parquet"), open_any(folder / "sky"), open_any(folder / "pictures")]
    opened += [open_any(make_run("first", predictions=estimates).path)]
    opened += [open_any(make_run("bands", predictions=told_bands).path)]
    for one in opened:
        explorer = Explorer(one.table, one.cutouts, source=one.source, opening=one.opening, id_column=one.id_column)
        explorer.selection.choose(one.table.index[::2])
        made: dict = {}
        exec(script_of(explorer.out), made)  # noqa: S102 - our own lines
        pd.testing.assert_frame_equal(made["table"], one.table, check_dtype=False, check_index_type=False)
        assert list(made["ids"]) == list(one.table.index[::2])


def test_an_uploaded_table_is_opened(folder, bring):
    page = ExplorePage([], Library.find())
    bring(page, "mine.parquet", (folder / "table.parquet").read_bytes())
    assert "12 objects" in page.body()[0].object
    bring(page, "../../broken.csv", b"\x00\x01")
    assert "Expected CSV" in page.body().object


def test_a_computed_column_is_in_the_table_the_export_and_the_saved_view_but_not_in_the_sky(tiny_sky):
    explorer = Explorer(tiny_sky.catalogue, tiny_sky)
    explorer.columns.add("ln_richness", "ln(richness)")
    assert explorer.table["ln_richness"].to_numpy() == pytest.approx(np.log(tiny_sky.catalogue["richness"]))
    assert "ln_richness" not in tiny_sky.catalogue
    explorer.selection.where("ln_richness > 3")
    state = json.loads(json.dumps(explorer.state()))
    again = Explorer(tiny_sky.catalogue, tiny_sky)
    again.restore(state)
    assert "ln_richness" in again.table
    assert list(again.selection.ids) == list(explorer.selection.ids)
    assert "ln(richness)" in again.out.script(Snapshot.of(again.selection))


def upload_to_join(explorer, name, table):
    """Upload a table in the tab "Columns", and return what the tab says."""
    content = table.to_csv().encode()
    folder = uploads() / hashlib.sha256(name.encode() + content).hexdigest()
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    panel = explorer.about_columns()
    panel.select(Upload)[0]._received(folder / name)
    return folder / name, panel


def test_columns_that_were_joined_are_joined_again_when_the_view_is_opened(tiny_sky):
    other = pd.DataFrame({"richness": 1.0, "mass": np.arange(6.0)}, index=tiny_sky.object_ids[:6]).rename_axis("id")
    explorer = Explorer(tiny_sky.catalogue, tiny_sky)
    file, panel = upload_to_join(explorer, "xmatch.csv", other)
    next(one for one in panel.select(pn.widgets.Button) if one.label == "Add these columns").clicks += 1
    assert explorer.table["mass"].sum() == 15
    explorer.columns.add("double", "2 * mass")
    explorer.selection.where("double > 5")
    explorer.plots[0].x = "richness_2"
    view = ViewState(explorer, "view", of="it")
    saved = json.dumps(view.content())

    again = Explorer(tiny_sky.catalogue, tiny_sky)
    opened = ViewState(again, "view", of="it")
    opened.open(saved)
    assert (opened.error, opened.missing) == ("", "")
    assert list(again.table.columns) == list(explorer.table.columns)
    assert again.selection.ids.tolist() == explorer.selection.ids.tolist()
    assert again.plots[0].x == "richness_2"
    opened.open(saved)  # once only
    assert list(again.table.columns) == list(explorer.table.columns)
    switched = Explorer(tiny_sky.catalogue.iloc[:4], tiny_sky)  # as with the objects of the training
    switched.copy_settings(explorer)
    assert switched.table["double"].tolist() == [0, 2, 4, 6]

    file.unlink()  # another server, which does not have the file
    without = Explorer(tiny_sky.catalogue, tiny_sky)
    opened = ViewState(without, "view", of="it")
    opened.open(saved)
    all_text = opened.refused().object
    assert "richness_2, mass" in all_text
    assert "joined from xmatch.csv by object id" in all_text
    assert "Upload xmatch.csv again" in all_text
    assert "double" not in without.table
    upload_to_join(without, "other.csv", other.assign(mass=0.0))  # this is another one
    assert opened.missing
    upload_to_join(without, "xmatch.csv", other)
    assert not opened.refused().visible
    assert list(without.table.columns) == list(explorer.table.columns)
    assert without.selection.ids.tolist() == explorer.selection.ids.tolist()


@pytest.mark.parametrize("joins", [{}, [1], [{"file": "x"}], [{"file": "x", "upload": "../..", "by": "z"}]])
def test_a_view_that_says_nonsense_of_joined_columns_is_refused(tiny_sky, joins):
    view = ViewState(Explorer(tiny_sky.catalogue, tiny_sky), "view", of="it")
    view.open(json.dumps(view.content() | {"state": {"joined": joins}}))
    assert "joined: expected how a table was joined" in view.error


def test_columns_come_along_when_objects_of_the_training_are_included(tiny_sky):
    first, second = (Explorer(tiny_sky.catalogue, tiny_sky) for _ in range(2))
    first.columns.add("double", "2 * richness")
    second.copy_settings(first)
    assert "double" in second.table
