"""What a gallery sends, as a browser would read it: the id burned into a picture is the id that came with it."""

import io
import re

import numpy as np
import pandas as pd
import panel as pn
import pytest
from million import BANDS, burned_sky, burned_table, read_id
from PIL import Image

from galviz.io.expressions import matches
from galviz.tools.columns.core import TableColumns
from galviz.tools.gallery import messages
from galviz.tools.gallery.album import Album
from galviz.tools.gallery.badges import first_captions
from galviz.tools.gallery.exchange import Exchange
from galviz.tools.gallery.view import Gallery, GalleryGrid
from galviz.tools.labels.core import Labels
from galviz.tools.messages import check
from galviz.tools.selection.core import Selection

KEYS = {"s": "spiral", "e": "elliptical"}


class Browser:
    """Sends and receives messages as client.js does."""

    def __init__(self, exchange):
        self.exchange, self.state, self.window, self.png, self.client, self.seq = exchange, {}, {}, None, "me", 0
        exchange._send = self.receive
        exchange.receive({"type": "hello", "client": self.client})

    def receive(self, message, png):
        check(message, messages.TO_BROWSER)
        if message["type"] == "state":
            self.state = message
        else:
            self.window, self.png = message, png

    def act(self, **message):
        self.seq += 1
        self.exchange.receive({"client": self.client, "seq": self.seq} | message)

    def ask(self, first, count, version=None, *, pictures=True, side=32):
        version = self.state["version"] if version is None else version
        message = {"type": "window", "client": "me", "request": 1, "version": version}
        self.exchange.receive(message | {"first": first, "count": count, "side": side, "pictures": pictures})
        return self.window["tiles"]

    def pictures(self):
        """(id that came with it, picture as grey (H, W)) of each tile of the last window."""
        sheet, whole = self.window["sheet"], np.asarray(Image.open(io.BytesIO(self.png)).convert("L"))
        for tile in self.window["tiles"]:
            row, column = divmod(tile["cell"], sheet["columns"])
            y, x = row * sheet["height"], column * sheet["width"]
            yield tile["id"], whole[y : y + sheet["height"], x : x + sheet["width"]]


def make(rows=500, size=16, **more):
    sky = burned_sky(rows, size)
    selection = Selection(sky.catalogue)
    album = Album(sky.catalogue, sky, more.pop("labels", None))
    exchange = Exchange(album, selection, lambda *_: None, captions=("z",), keys=KEYS, **more)
    return sky, selection, exchange, Browser(exchange)


def test_the_size_of_the_residual_is_the_first_to_sort_by_where_there_is_one():
    sky, selection, _, browser = make(12, controls=("sort",))
    assert browser.state["arrangement"]["orders"] == list(sky.catalogue.columns)
    table = sky.catalogue.assign(residual=np.linspace(-2, 1, 12))
    exchange = Exchange(Album(table, sky), selection, lambda *_: None, captions=("z",), controls=("sort",))
    assert Browser(exchange).state["arrangement"]["orders"] == ["abs(residual)", *table.columns]


@pytest.mark.parametrize(
    "look",
    [{}, {"picture": "u", "kind": "asinh"}, {"picture": "z", "kind": "zscale"}, {"picture": "r", "kind": "linear"},
     {"kind": "percentile", "gamma": 0.5}, {"picture": "g", "palette": "viridis", "black": -0.1, "white": 0.9},
     {"red": "g", "green": "g", "blue": "u", "brightness": 2.0}, {"picture": "all bands", "red": "z"}],
)  # fmt: skip
def test_each_picture_bears_the_id_that_came_with_it_in_every_look(look):
    gallery = Gallery(burned_sky(300, 32))
    browser = Browser(gallery.exchange)
    gallery.stretch_view.param.update(**look)
    assert gallery.stretch_view.error == ""
    browser.ask(50, 60)
    read = [(object_id, read_id(picture)) for object_id, picture in browser.pictures()]
    assert len(read) == 60
    assert all(a == b for a, b in read)


def test_id_and_picture_agree_after_random_sorts_filters_choices_and_undos(galviz_home):
    rng = np.random.default_rng(7)
    sky, selection, exchange, browser = make(labels=Labels())
    orders = ["", "z", "richness", "kind", "object_id", "-richness", "abs(z - 0.3)"]
    filters = ["", "z < 0.3", "kind == 'ß'", "richness > 40 and z > 0.1", "label == ''", "object_id != '1'"]
    checked = 0
    for _ in range(250):
        match rng.integers(6):
            case 0 | 1:
                order, keep = str(rng.choice(orders)), str(rng.choice(filters))
                exchange.album.arrange(order, descending=bool(rng.integers(2)), keep=keep)
                exchange.send_state()
            case 2:
                selection.where(f"z < {rng.uniform(0, 0.6):.3f}", how=str(rng.choice(["replace", "add", "remove"])))
            case 3:
                browser.act(type="label", id=str(rng.choice(sky.object_ids)), label="spiral")
            case 4:
                browser.act(type="undo")
            case 5:
                selection.undo()
        first = int(rng.integers(max(1, browser.state["count"])))
        tiles = browser.ask(first, 12)
        chosen = set(selection.ids)
        for place, (tile, (object_id, picture)) in enumerate(zip(tiles, browser.pictures(), strict=True)):
            assert read_id(picture) == object_id == tile["id"]
            assert tile["lines"] == [("z", f"{sky.catalogue.loc[object_id, 'z']:.4g}")]
            assert tile["selected"] == (object_id in chosen)
            assert exchange.album.place_of(object_id) == first + place
            checked += 1
    assert checked > 1000


def test_order_and_filter_are_those_of_the_table():
    table = burned_table(400)
    album = Album(table)
    album.arrange("richness", descending=True, keep="z < 0.3")
    expected = table[matches("z < 0.3", table)].sort_values("richness", ascending=False, kind="stable").index
    assert album.ids(0, 400) == list(expected)
    assert np.isnan(table.loc[album.ids(len(album) - 1, 1), "richness"]).all()  # missing last
    album.arrange("kind")
    assert album.ids(0, 400) == list(table.sort_values("kind", kind="stable").index)


@pytest.mark.parametrize(
    ("order", "keep", "shown_text"), [("zz", "", "zz"), ("z", "z <", "z <"), ("z", "z", "condition")]
)
def test_what_cannot_be_read_is_said_and_what_was_shown_stays(order, keep, shown_text):
    gallery = Gallery(burned_sky(50, 16), filter="z < 0.3", order="z")
    before = gallery.album.ids(0, 50)
    gallery.param.update(order=order, filter=keep)
    assert shown_text in gallery.error
    assert gallery.album.ids(0, 50) == before
    gallery.param.update(order="", filter="")
    assert gallery.error == ""
    assert len(gallery.album) == 50


def test_a_window_of_an_order_that_is_no_more_is_not_given():
    _, _, exchange, browser = make()
    old = browser.state["version"]
    exchange.album.arrange("z")
    assert browser.ask(0, 10, version=old) == []
    assert browser.png is None
    assert len(browser.ask(0, 10, version=old + 1)) == 10


def test_focus_and_choice_are_linked_both_ways():
    sky, selection, exchange, browser = make()
    ids = sky.object_ids
    browser.act(type="focus", id=ids[7])
    assert selection.focus == ids[7]
    assert (browser.state["focus"], browser.state["place"]) == (ids[7], 7)
    assert browser.state["acknowledged"] == {"me": 1}
    selection.focus = ids[9]
    assert browser.state["place"] == 9
    exchange.album.arrange("z", keep="z > 0.5")
    exchange.send_state()
    assert browser.state["place"] == exchange.album.place_of(ids[9])
    browser.act(type="toggle", id=ids[3])
    browser.act(type="toggle", id=ids[4])
    browser.act(type="toggle", id=ids[3])
    assert list(selection.ids) == [ids[4]]
    marks = browser.state["marks"]
    selection.choose([ids[1]])
    assert browser.state["marks"] > marks
    assert browser.state["selected"] == 1


def test_the_gallery_goes_to_what_is_selected_elsewhere():
    sky, selection, exchange, browser = make()
    ids = sky.object_ids
    selection.choose([ids[31], ids[22]])
    assert browser.state["found"] == 22
    selection.focus = ids[1]
    assert browser.state["found"] == -1  # only once
    exchange.album.arrange("", descending=True)
    selection.choose([ids[40]], how="add")
    assert browser.state["found"] == exchange.album.place_of(ids[40])
    selection.keep_as("some")  # nothing else is selected by this
    assert browser.state["found"] == -1
    browser.act(type="toggle", id=ids[3])  # in the gallery, which shows it
    assert browser.state["found"] == -1
    selection.choose([])
    assert browser.state["found"] == -1


def test_an_id_that_is_not_there_changes_nothing():
    _, selection, _, browser = make()
    for kind in ("focus", "toggle", "label", "skip", "range"):
        browser.act(type=kind, id="none", label="spiral", start="none", end="1")
    browser.act(type="fold", group="none", open=False)
    assert selection.focus is None
    assert len(selection) == 0
    with pytest.raises(ValueError, match="expected one of hello"):
        browser.act(type="eval")
    for bad in ({"type": "focus"}, {"type": "focus", "id": 7}, {"type": "toggle", "id": ["a"]}):
        with pytest.raises(ValueError, match=f"message {bad['type']}: expected id"):
            browser.act(**bad)


def test_keys_label_undo_and_the_file_agree(tmp_path):
    labels = Labels(tmp_path / "labels.csv")
    sky, selection, exchange, browser = make(labels=labels)
    ids = sky.object_ids
    for object_id, label in ((ids[0], "spiral"), (ids[1], "elliptical"), (ids[0], "elliptical")):
        browser.act(type="label", id=object_id, label=label)
    assert [t["label"] for t in browser.ask(0, 3, pictures=False)] == ["elliptical", "elliptical", ""]
    assert browser.png is None
    browser.act(type="label", id=ids[2], label="not one of the keys")
    browser.act(type="undo")
    assert selection.focus == ids[0]
    assert Labels(tmp_path / "labels.csv").to_dict() == {ids[0]: "spiral", ids[1]: "elliptical"}
    exchange.album.arrange(keep="label == 'spiral'")
    assert exchange.album.ids(0, 9) == [ids[0]]


def test_only_the_window_is_read():
    class Counted:
        def __init__(self, store):
            self.store, self.shape, self.dtype, self.read = store, store.shape, store.dtype, 0

        def __getitem__(self, key):
            self.read += len(np.atleast_1d(key))
            return self.store[key]

    sky = burned_sky(10_000, 16)
    counted = Counted(sky.images._store)
    sky._images._store = counted
    browser = Browser(Gallery(sky, order="z").exchange)
    browser.ask(5000, 80)
    assert counted.read == 80


def test_objects_without_a_picture_have_a_tile_without_one():
    sky, table = burned_sky(10, 16), burned_table(14)
    browser = Browser(Gallery(sky, table, Selection(table)).exchange)
    assert [tile["cell"] for tile in browser.ask(8, 6)] == [0, 1, -1, -1, -1, -1]
    browser = Browser(Gallery(None, table).exchange)
    assert [tile["id"] for tile in browser.ask(0, 3)] == list(table.index[:3])
    assert browser.state["aspect"] == 0


def test_an_estimate_and_its_truth_are_the_first_captions():
    table = burned_table(3)
    assert first_captions(table) == ["z", "richness"]
    assert first_captions(table.assign(ln=1.0, ln_true=1.0)) == ["ln", "ln_true"]


def test_a_change_of_look_is_told_and_limits_that_make_no_sense_are_refused():
    gallery = Gallery(burned_sky(20, 16))
    browser = Browser(gallery.exchange)
    before = browser.state["display"]
    gallery.stretch_view.gamma = 0.5
    assert browser.state["display"] == before + 1
    gallery.stretch_view.param.update(black=2.0, white=1.0)
    assert "limits" in gallery.stretch_view.error
    assert browser.state["display"] == before + 1


def test_the_component_carries_its_code_and_asks_for_no_other():
    code = GalleryGrid._render_esm()
    assert "export default" in code
    assert not re.search(r"^import\b|\bimport\(", code, re.MULTILINE)
    assert code.count("http") == code.count("http://www.w3.org/2000/svg") == 1
    assert GalleryGrid._importmap == {}


def test_the_gallery_is_a_view_of_panel():
    gallery = Gallery(burned_sky(20, 16), height=300)
    root = pn.panel(gallery).get_root()
    assert GalleryGrid._bokeh_model in {type(model).__mro__[0] for model in root.references()}
    assert set(gallery.stretch_view.param.red.objects) == set(BANDS)


def judged_sky(rows=60):
    """A sky with a truth and a prediction of two classes, a third of them wrong, and some truths not known."""
    sky = burned_sky(rows, 16)
    truth = np.arange(rows) % 2
    table = sky.catalogue.assign(
        spiral_true=truth.astype(float), spiral=np.where(np.arange(rows) % 3, truth, 1 - truth)
    )
    table.loc[table.index[::10], "spiral_true"] = np.nan
    return sky, table


def test_groups_stand_one_after_another_each_in_its_order_and_one_can_be_closed():
    sky = burned_sky(90, 16)
    table = sky.catalogue
    table.loc[table.index[:4], "kind"] = None
    gallery = Gallery(sky, table, group="kind", order="z", filter="z < 0.5")
    browser, kept = Browser(gallery.exchange), table[table["z"] < 0.5]
    counts = kept["kind"].value_counts()
    assert [(one["text"], one["count"]) for one in browser.state["groups"]] == [
        *[(name, counts[name]) for name in ("a", "b", "ß")],
        ("no value", kept["kind"].isna().sum()),
    ]
    expected = kept.assign(kind=kept["kind"].fillna("~")).sort_values(["kind", "z"], kind="stable")
    # ß comes after ~, and missing values last
    order = {"a": 0, "b": 1, "ß": 2, "~": 3}
    expected = expected.iloc[np.argsort(expected["kind"].map(order), kind="stable")]
    assert gallery.album.ids(0, 90) == list(expected.index)
    version = browser.state["version"]
    browser.act(type="fold", group="b", open=False)
    assert gallery.album.ids(0, 90) == list(expected.index[expected["kind"] != "b"])
    assert [one["open"] for one in browser.state["groups"]] == [True, False, True, True]
    assert browser.state["version"] > version
    assert browser.state["stays"]
    gallery.order = "richness"
    assert not browser.state["stays"]  # a new order starts at the top
    assert [one["open"] for one in browser.state["groups"]] == [True, False, True, True]
    browser.act(type="fold", group="b", open=True)
    assert len(gallery.album) == len(kept)
    gallery.group = ""
    assert browser.state["groups"] == []


def test_only_columns_with_few_values_are_offered_to_group_by_and_others_refused(tmp_path):
    sky = burned_sky(300, 16)
    table = sky.catalogue.assign(
        fold=np.arange(300) % 5, cluster=[1.0, np.nan, 7.0] * 100, note=list(map(str, range(300)))
    )
    gallery = Gallery(sky, table, labels=Labels(tmp_path / "labels.csv"))
    browser = Browser(gallery.exchange)
    assert browser.state["arrangement"]["groups"] == ["kind", "fold", "cluster", "label"]
    gallery.group = "cluster"
    assert [one["text"] for one in browser.state["groups"]] == ["1", "7", "no value"]
    gallery.group = "note"
    assert "at most 60 values" in gallery.error
    assert [one["text"] for one in browser.state["groups"]] == ["1", "7", "no value"]


@pytest.mark.parametrize("badges", [("spiral_true", "spiral"), "hit", None])
def test_badges_say_which_predictions_are_right(badges):
    sky, table = judged_sky()
    hit = (table["spiral"] == table["spiral_true"]).astype(object).where(table["spiral_true"].notna(), None)
    browser = Browser(Gallery(sky, table.assign(hit=hit), badges=badges, captions=["z"]).exchange)
    tiles = browser.ask(0, 60)
    expected = ["" if flag is None else "right" if flag else "wrong" for flag in hit]
    assert [tile["verdict"] for tile in tiles] == (expected if badges else [""] * 60)
    if isinstance(badges, tuple):
        assert tiles[3]["lines"][:2] == [("predicted", "0"), ("true", "1")]
        assert tiles[10]["lines"][:2] == [("predicted", "0"), ("true", "–")]
    assert browser.state["lines"] == len(tiles[0]["lines"]) == 1 + 2 * isinstance(badges, tuple)


def test_numbers_have_no_badges_and_columns_that_do_not_exist_are_refused():
    sky, table = judged_sky()
    browser = Browser(Gallery(sky, table.assign(z_true=table["z"] + 0.1), badges=("z_true", "z")).exchange)
    assert {tile["verdict"] for tile in browser.ask(0, 60)} == {""}
    with pytest.raises(ValueError, match="badges: expected columns of the table, got 'zz'"):
        Gallery(sky, table, badges="zz")
    with pytest.raises(ValueError, match=r"badges: .*got 'zz'"):
        Gallery(sky, table, badges=("spiral_true", "zz"))


def test_a_range_is_selected_in_the_order_shown_and_added_to_what_is_selected():
    sky, selection, exchange, browser = make(80)
    exchange.arrange("z", descending=True)
    ids = exchange.album.ids(0, 80)
    browser.act(type="toggle", id=ids[70])
    browser.act(type="range", start=ids[9], end=ids[5])
    assert set(selection.ids) == {ids[70], *ids[5:10]}
    selection.undo()
    assert list(selection.ids) == [ids[70]]
    exchange.arrange("z", descending=True, among=np.isin(sky.object_ids, ids[:8]))
    browser.act(type="range", start=ids[9], end=ids[5])  # one end is not shown any more
    assert list(selection.ids) == [ids[70]]


def test_skipped_objects_come_again_at_the_end_of_the_round(tmp_path):
    _, selection, exchange, browser = make(6, labels=Labels(tmp_path / "labels.csv"))
    ids = exchange.album.ids(0, 6)
    browser.act(type="label", id=ids[0], label="spiral")
    browser.act(type="resume")
    assert selection.focus == ids[1]
    for k in (1, 2):
        browser.act(type="skip", id=ids[k])
    assert (browser.state["labelled"], browser.state["later"]) == (1, 2)
    assert [tile["later"] for tile in browser.ask(0, 4, pictures=False)] == [False, True, True, False]
    for k in (3, 4, 5):
        browser.act(type="resume")
        assert selection.focus == ids[k]
        browser.act(type="label", id=ids[k], label="elliptical")
    browser.act(type="resume")
    assert selection.focus == ids[1]
    browser.act(type="skip", id=ids[1])  # again: the other one comes first
    browser.act(type="resume")
    assert selection.focus == ids[2]
    browser.act(type="undo")
    assert selection.focus == ids[1]
    assert (browser.state["labelled"], browser.state["later"]) == (4, 1)
    browser.act(type="undo")
    assert selection.focus == ids[5]  # the label before
    browser.act(type="label", id=ids[2], label="spiral")
    assert browser.state["later"] == 0


def test_labelling_resumes_at_the_first_without_a_label_among_those_shown(tmp_path):
    labels = Labels(tmp_path / "labels.csv")
    _, selection, exchange, browser = make(40, labels=labels)
    exchange.arrange("z")
    ids = exchange.album.ids(0, 40)
    for object_id in ids[:7]:
        labels.set(object_id, "spiral")
    browser.act(type="resume")
    assert selection.focus == ids[7]
    for object_id in ids:
        labels.set(object_id, "spiral")
    browser.act(type="resume")
    assert selection.focus == ids[7]


def test_the_line_of_controls_changes_size_order_and_groups():
    gallery = Gallery(burned_sky(50, 16))
    browser = Browser(gallery.exchange)
    assert browser.state["controls"] == ["size", "group"]
    pane = gallery.pane()
    assert browser.state["controls"] == ["size", "sort", "group", "more"]
    assert browser.state["arrangement"]["orders"] == ["z", "richness", "kind"]
    browser.act(type="tile", tile=200)
    assert (gallery.tile, browser.state["tile"]) == (200, 200)
    browser.act(type="tile", tile=9999)
    assert gallery.tile == 320
    browser.act(type="arrange", order="-z", descending=True, group="kind")
    assert (gallery.order, gallery.descending, gallery.group) == ("-z", True, "kind")
    before = gallery.album.ids(0, 50)
    browser.act(type="arrange", order="nothing <", descending=True, group="kind")
    assert "expected something like" in browser.state["error"]
    assert gallery.album.ids(0, 50) == before
    gallery.param.update(order="z")
    assert browser.state["error"] == gallery.error == ""
    settings = pane[0]
    assert not settings.visible
    browser.exchange.receive({"type": "more", "client": "me"})
    assert settings.visible
    gallery.enlarge = False
    assert not browser.state["enlarge"]


def test_a_page_opens_the_settings_in_its_drawer_and_the_pane_fills_its_place():
    gallery, requested = Gallery(burned_sky(50, 16)), []
    pane = gallery.pane(more=lambda: requested.append(True))
    assert (list(pane), pane.sizing_mode, gallery.grid.sizing_mode) == ([gallery.grid], *["stretch_both"] * 2)
    gallery.exchange.receive({"type": "more", "client": "me"})
    assert requested == [True]
    labels = {of for widget in gallery.settings().select(pn.widgets.Widget) for of in (widget.name, widget.label)}
    assert {"Show only", "Selected only", "Captions", "Enlarge the picture under the pointer"} <= labels


def test_a_gallery_knows_whether_there_are_pictures():
    sky, table = burned_sky(10, 16), burned_table(14)
    assert Gallery(sky).pictured
    assert Gallery(sky, table).pictured
    assert not Gallery(None, table).pictured
    other = Gallery(sky, table.rename(index=lambda name: f"other {name}"))
    assert not other.pictured
    browser = Browser(other.exchange)
    assert (browser.state["aspect"], browser.state["controls"]) == (0, ["group"])


def test_what_is_selected_only_keeps_its_place_when_the_selection_changes():
    sky = burned_sky(50, 16)
    gallery = Gallery(sky, only_selected=True)
    browser = Browser(gallery.exchange)
    gallery.selection.where("z < 0.3")
    assert (browser.state["count"], browser.state["stays"]) == (len(gallery.selection), True)


def test_a_gallery_follows_columns_that_are_added_replaced_and_removed():
    table = burned_table(60)
    selection = Selection(table)
    gallery, columns = Gallery(None, table, selection), TableColumns(selection)
    browser = Browser(gallery.exchange)
    columns.add("half", "z < 0.5")
    assert "half" in gallery.param.captions.objects
    assert "half" in browser.state["arrangement"]["groups"]
    gallery.param.update(captions=["half"], group="half")
    counts = dict(gallery.album.groups)
    assert counts == {"False": (table["z"] >= 0.5).sum(), "True": (table["z"] < 0.5).sum()}
    columns.restore([{"name": "half", "expression": "z < 0.1"}])
    assert dict(gallery.album.groups)["True"] == (table["z"] < 0.1).sum()
    gallery.param.update(group="", order="half", descending=True)
    columns.restore([{"name": "half", "expression": "z * -1"}])
    assert gallery.album.ids(0, 1) == [table["z"].idxmin()]
    columns.remove("half")
    assert "half" not in gallery.captions
    assert "expected a column" in gallery.error
    browser.ask(0, 5)


def test_groups_have_names_of_their_own():
    values = [51602.0, 51603.0, 0.12341, 0.12342, np.nan] * 2
    table = pd.DataFrame({"mjd": values, "kind": ["", "empty", "no value", "a", None] * 2}, index=list("abcdefghij"))
    album = Album(table)
    album.arrange(group="mjd")
    assert [name for name, _ in album.groups] == ["0.12341", "0.12342", "51602", "51603", "no value"]
    album.arrange(group="kind")
    assert [name for name, _ in album.groups] == ["empty", "a", "empty (2)", "no value (2)", "no value"]
    album.fold("no value", open=False)
    assert len(album) == 8


def test_a_closed_gallery_follows_nothing():
    sky = burned_sky(20, 16)
    selection = Selection(sky.catalogue)
    gallery = Gallery(sky, selection=selection, only_selected=True)
    browser = Browser(gallery.exchange)
    gallery.close()
    browser.state = {}
    selection.choose(sky.object_ids[:3])
    assert browser.state == {}
    assert len(gallery.album) == 0
