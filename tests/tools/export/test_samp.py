import sys
import threading
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import numpy as np
import pandas as pd
import pytest

from galviz.io.tables import KeyedTable, read_table
from galviz.tools.export.samp import Samp

samp = pytest.importorskip("pyvo.samp", reason="pyvo is an extra: galviz[samp]")

IDS = [str(1237658493878337640 + k) for k in (5, 1, 4, 0)]
TABLE = KeyedTable(
    pd.DataFrame({"z": [0.1, np.nan, 0.3, 0.2], "name": ["a", "é", "c", "d"]}, index=pd.Index(IDS, name="object_id")),
    {"z": "km / s"},
    {"ids": {"count": 4}},
)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub of the test's own, on the loopback, without the web profile; no file in the user's home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SAMP_HUB", (tmp_path / "hub").as_uri().replace("file:", "std-lockurl:file:"))
    with samp.conf.set_temp("use_internet", value=False):
        hub = samp.SAMPHubServer(addr="127.0.0.1", web_profile=False)
        hub.start()
        yield hub
        hub.stop()


class Other:
    """A program such as TOPCAT: it loads tables and hears of rows."""

    def __init__(self, name="TOPCAT", *, works=True):
        self.client = samp.SAMPIntegratedClient(name, addr="127.0.0.1")
        self.client.connect()
        self.works = works
        self.given, self.loaded, self.heard = None, None, []
        self.told = threading.Event()
        self.client.bind_receive_call("table.load.votable", self.load)
        for mtype in ("table.select.rowList", "table.highlight.row"):
            self.client.bind_receive_notification(mtype, self.hear)

    def load(self, _key, _sender, msg_id, _mtype, given, _more):
        self.given = given
        self.loaded = Path(url2pathname(urlparse(given["url"]).path)).read_bytes()
        status = "samp.ok" if self.works else "samp.error"
        self.client.ereply(msg_id, status, result={}, error=None if self.works else {"samp.errortxt": "too big"})

    def hear(self, _key, _sender, mtype, given, _more):
        self.heard.append((mtype, given))
        self.told.set()

    def wait(self):
        assert self.told.wait(10)
        self.told.clear()
        return self.heard.pop()


@pytest.fixture
def other(hub):
    other = Other()
    yield other
    other.client.disconnect()


@pytest.fixture
def ours(hub):
    with Samp() as ours:
        yield ours


def test_a_table_arrives_whole(tmp_path, ours, other):
    assert ours.others() == ["TOPCAT"]
    table_id = ours.send_table(TABLE, name="chosen")
    assert other.given["name"] == "chosen"
    assert other.given["table-id"] == table_id
    (tmp_path / "got.vot").write_bytes(other.loaded)
    got = read_table(tmp_path / "got.vot")
    pd.testing.assert_frame_equal(got.table, TABLE.table, check_index_type=False, check_dtype=False)
    assert (got.units, got.provenance) == (TABLE.units, TABLE.provenance)


def test_a_selection_goes_out_as_rows_of_that_table(ours, other):
    table_id = ours.send_table(TABLE)
    ours.send_selection([IDS[2], IDS[0]], table_id)
    mtype, given = other.wait()
    assert (mtype, given["table-id"], sorted(given["row-list"])) == ("table.select.rowList", table_id, ["0", "2"])
    ours.send_focus(IDS[3], table_id)
    assert other.wait() == ("table.highlight.row", {"table-id": table_id, "row": "3"})
    ours.send_selection([], table_id)
    assert other.wait()[1]["row-list"] == []


def test_rows_that_come_in_are_ids_of_that_table(ours, other):
    heard, received = [], threading.Event()

    def hear(*what):
        heard.append(what)
        received.set()

    first = ours.send_table(TABLE)
    second = ours.send_table(TABLE.table.iloc[::-1])
    ours.listen(selected=hear, focused=hear)
    for table_id, ids in ((first, IDS), (second, IDS[::-1])):
        other.client.enotify_all("table.select.rowList", **{"table-id": table_id, "row-list": ["3", "1"]})
        assert received.wait(10)
        received.clear()
        assert heard.pop() == (table_id, [ids[3], ids[1]])
        other.client.enotify_all("table.highlight.row", **{"table-id": table_id, "row": "0"})
        assert received.wait(10)
        received.clear()
        assert heard.pop() == (table_id, ids[0])


def test_rows_of_no_table_of_ours_are_not_taken(ours, other):
    heard = []
    table_id = ours.send_table(TABLE)
    ours.listen(focused=lambda *what: heard.append(what))
    to = ours._client.get_public_id()
    for name, row, status in [
        (table_id, "2", "samp.ok"),
        (table_id, "4", "samp.warning"),
        (table_id, "-1", "samp.warning"),
        ("theirs", "0", "samp.warning"),
    ]:
        given = {"table-id": name, "row": row}
        assert other.client.ecall_and_wait(to, "table.highlight.row", "60", **given)["samp.status"] == status
    assert heard == [(table_id, IDS[2])]


def test_one_of_several_programs_is_chosen_by_name(ours, other):
    aladin = Other("Aladin")
    ours.send_table(TABLE, to="Aladin")
    assert aladin.loaded is not None
    assert other.loaded is None
    with pytest.raises(RuntimeError, match=r"to: expected DS9, got Aladin, TOPCAT on the hub"):
        ours.send_table(TABLE, to="DS9")
    aladin.client.disconnect()


def test_a_program_that_fails_is_named(ours, other):
    other.works = False
    with pytest.raises(RuntimeError, match="expected TOPCAT to load the table, got an error from it: too big"):
        ours.send_table(TABLE)


def test_nobody_listens(ours):
    with pytest.raises(RuntimeError, match=r"to: expected a program that takes tables, got none on the hub\. Start"):
        ours.send_table(TABLE)


def test_what_was_not_sent_is_named(ours, other):
    with pytest.raises(KeyError, match="table_id: expected a table that was sent, got 'no'"):
        ours.send_selection(IDS[:1], "no")
    with pytest.raises(KeyError, match="ids: expected ids of the table, got 'nobody'"):
        ours.send_focus("nobody", ours.send_table(TABLE))


def test_everything_stays_on_this_machine(hub, ours, other):
    assert hub.params["samp.hub.xmlrpc.url"].startswith("http://127.0.0.1:")
    assert {client.client._xmlrpcAddr.split(":")[1] for client in (ours._client, other.client)} == {"//127.0.0.1"}


def test_leaving_removes_what_was_sent(hub, other):
    with Samp() as ours:
        ours.send_table(TABLE)
        files = ours._files
        assert list(files.iterdir())
    assert not files.exists()
    assert len(other.client.get_registered_clients()) == 1  # the hub itself


def test_no_hub_and_no_pyvo_are_explained(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:file://{tmp_path}/none")
    with pytest.raises(RuntimeError, match=r"hub: expected a SAMP hub, got none .* Start TOPCAT or Aladin"):
        Samp()
    monkeypatch.setitem(sys.modules, "pyvo", None)
    with pytest.raises(ImportError, match=r"pip install 'galviz\[samp\]'"):
        Samp()


def test_who_does_not_answer_is_named(ours, other):
    other.client.bind_receive_call("table.load.votable", lambda *_: None)
    with pytest.raises(RuntimeError, match=r"to: expected an answer of TOPCAT within 0.2 s, got none"):
        ours.send_table(TABLE, timeout=0.2)
