import numpy as np
import pandas as pd
import pytest
import traitlets
from million import burned_sky, burned_table

from galviz.tools.display import Stretch
from galviz.tools.gallery.widget import GalleryWidget
from galviz.tools.labels.core import Labels
from galviz.tools.selection.core import Selection


@pytest.fixture
def sky():
    return burned_sky(200, 16)


def test_traitlets_can_be_read_set_and_observed(sky):
    widget, heard = GalleryWidget(sky), []
    widget.observe(lambda change: heard.append((change["name"], change["new"])), ["selection", "focus"])
    ids = list(sky.object_ids)
    widget.exchange.receive({"type": "focus", "client": "x", "id": ids[3]})
    widget.exchange.receive({"type": "toggle", "client": "x", "id": ids[5]})
    assert heard == [("focus", ids[3]), ("selection", [ids[5]])]
    widget.selection = [ids[9], ids[2]]
    assert widget.selection == [ids[2], ids[9]]
    assert list(widget.linked.ids) == [ids[2], ids[9]]
    widget.focus = ids[1]
    assert widget.linked.focus == ids[1]


def test_it_is_linked_to_what_others_choose(sky):
    shared = Selection(sky.catalogue)
    shared.where("z < 0.1")
    one, two = GalleryWidget(sky, linked=shared), GalleryWidget(sky, linked=shared)
    assert one.selection == list(shared.ids) != []
    one.selection = []
    assert two.selection == []
    shared.undo()
    assert one.selection == two.selection == list(sky.object_ids[sky.catalogue["z"] < 0.1])


def test_order_and_filter_are_obeyed_and_what_cannot_be_read_is_refused(sky):
    widget = GalleryWidget(sky, filter="z < 0.3", order="z")
    expected = sky.catalogue.query("z < 0.3").sort_values("z").index
    assert widget.album.ids(0, 200) == list(expected)
    with pytest.raises(ValueError, match="expected a column, got 'zz'"):
        widget.filter = "zz < 1"
    assert widget.filter == "z < 0.3"
    assert widget.album.ids(0, 200) == list(expected)
    widget.descending = True
    assert widget.album.ids(0, 1) == [expected[-1]]


def test_look_captions_and_tile_reach_the_browser(sky):
    widget, received = GalleryWidget(sky), []
    widget.exchange._send = lambda message, _: received.append(message)
    widget.stretch = Stretch(bands=("r",), kind="asinh")
    widget.captions = ["kind"]
    widget.tile = 64
    assert [message["type"] for message in received] == ["state"] * 3
    assert received[-1]["display"] == received[0]["display"] + 1
    assert (received[-1]["tile"], received[-1]["lines"]) == (64, 1)
    with pytest.raises(ValueError, match="captions: expected columns"):
        widget.captions = ["none"]
    assert widget.captions == ["kind"]
    with pytest.raises(traitlets.TraitError):
        widget.tile = 1


def test_a_filter_that_is_set_again_does_not_outdate_what_the_browser_has(sky):
    widget, received = GalleryWidget(sky, filter="z < 0.3"), []
    widget.exchange._send = lambda message, _: received.append(message)
    widget.exchange.send_state()
    widget.filter = "z < 0.3"
    assert received[-1]["version"] == widget.album.version


def test_keys_without_labels_are_ignored(sky):
    assert GalleryWidget(sky, keys={"s": "spiral"}).exchange.keys == {}


def test_labels_are_given_by_keys(sky, tmp_path):
    labels = Labels(tmp_path / "labels.csv")
    widget = GalleryWidget(sky, labels=labels, keys={"s": "spiral"})
    object_id = sky.object_ids[4]
    widget.exchange.receive({"type": "label", "client": "x", "id": object_id, "label": "spiral"})
    assert labels.get(object_id) == "spiral"
    widget.filter = "label == 'spiral'"
    assert widget.album.ids(0, 9) == [object_id]


def test_a_table_alone_will_do():
    table = burned_table(5)
    widget = GalleryWidget(None, table)
    assert widget.stretch is None
    assert widget.album.ids(0, 9) == list(table.index)
    assert isinstance(widget.album.table, pd.DataFrame)
    assert np.isfinite(widget.height)


def test_size_order_and_groups_set_in_the_browser_are_traitlets(sky):
    widget = GalleryWidget(sky)
    widget.exchange.receive({"type": "tile", "client": "x", "tile": 200})
    widget.exchange.receive({"type": "arrange", "client": "x", "order": "z", "descending": False, "group": "kind"})
    assert (widget.tile, widget.order, widget.group) == (200, "z", "kind")
    assert [text for text, _ in widget.album.groups] == ["a", "b", "ß"]
    widget.exchange.receive({"type": "arrange", "client": "x", "order": "zz", "descending": False, "group": "kind"})
    assert "got 'zz'" in widget.exchange.error
    assert widget.order == "z"
    with pytest.raises(ValueError, match="group: expected a column"):
        widget.group = "none"
    widget.enlarge = False
    assert not widget.exchange.enlarge


def test_a_closed_widget_follows_nothing(sky):
    selection = Selection(sky.catalogue)
    widget = GalleryWidget(sky, linked=selection)
    widget.close()
    selection.choose(sky.object_ids[:2])
    assert widget.selection == []
    widget.close()
