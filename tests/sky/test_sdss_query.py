"""The catalogue and the pictures of SDSS, from a local server that fails as real ones do."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sdss_server

from galviz.io.tables import read_table
from galviz.io.web import Service
from galviz.sky import sdss_query
from galviz.sky.perseus import spectroscopic_class
from galviz.sky.readers.pictures import pictures

IDS = [str(1237658493878337000 + k) for k in range(1000)]
QUICK = {"pause_s": 0.0, "timeout_s": 2.0, "first_wait_s": 0.01}


@pytest.fixture
def serve(tmp_path):
    """A function that starts a server: its address and its folder."""
    servers = []

    def start(failures=0.05):
        folder = tmp_path / f"server{len(servers)}"
        folder.mkdir()
        server = sdss_server.started(folder, failures)
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/dr17/SkyServerWS", folder

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_query_is_the_papers_without_its_limit():
    sql = sdss_query.galaxy_sql()
    assert sql.startswith("SELECT\n")
    assert "top" not in sql.lower().split()
    assert "mydb" not in sql.lower()
    for words in ("G.petroMag_r < 18", "S.rChi2 < 2", "S.zErr < 0.01", "S.z > 0.02", "GSE.oh_p50 != -9999"):
        assert words in sql
    assert sql.count("JOIN") == 5
    assert sql.count("GSE.oh_p") == 6


def test_a_catalogue_is_whole_in_spite_of_failures(serve, tmp_path):
    server, log = serve(0.3)
    seen = []
    given = {"server": server, "service": Service(**QUICK | {"tries": 12})}
    table = sdss_query.fetch_catalogue(tmp_path / "sdss", parts=12, progress=lambda *n: seen.append(n), **given)
    assert table.index.tolist() == IDS  # whole ids, each once, although some have two spectra
    assert table["specObjID"].iloc[3] == "299489676975171584"
    assert table["oh_p50"].iloc[12] == 8.0012
    assert seen[-1] == (12, 12)
    requested = len(sdss_server.requests(log))
    assert requested > 12
    again = sdss_query.fetch_catalogue(tmp_path / "sdss", parts=12, **given)
    pd.testing.assert_frame_equal(again, table)
    assert len(sdss_server.requests(log)) == requested  # nothing twice


KILLED = """
import sys
sys.path.insert(0, sys.argv[3])
from galviz.io.web import Service
from galviz.sky import sdss_query
from galviz.sky.perseus import spectroscopic_class
service = Service(pause_s=0.0, timeout_s=2.0, first_wait_s=0.01)
table = sdss_query.fetch_catalogue(sys.argv[1], parts=10, server=sys.argv[2], service=service)
sdss_query.fetch_pictures(sys.argv[1], table, size=16, server=sys.argv[2], service=service)
"""


@pytest.mark.slow
def test_a_thousand_pictures_with_a_kill_in_the_middle_none_twice_none_missing(serve, tmp_path):
    server, log = serve(0.05)
    folder = tmp_path / "sdss"
    command = [sys.executable, "-c", KILLED, str(folder), server, str(Path(__file__).parent)]
    first = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 120
    while len(list(folder.glob("*.jpg"))) < 400 and time.monotonic() < deadline:
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait(30)
    before = {file.name for file in folder.glob("*.jpg")}
    assert 400 <= len(before) < 1000
    table = sdss_query.fetch_catalogue(folder, parts=10, server=server)
    assert sdss_query.fetch_pictures(folder, table, size=16, server=server, service=Service(**QUICK)) == {}
    assert {file.stem for file in folder.glob("*.jpg")} == set(IDS)
    requests = sdss_server.requests(log)
    served = Counter(what for _, service, what, done in requests if service == "getjpeg" and done == "ok")
    assert len(served) == 1000
    assert sum(served.values()) <= 1001  # the one that was on its way when the process was killed
    assert Counter(done for *_, done in requests)["ok"] < len(requests)  # there were failures
    sky = pictures(folder, read_table(folder / "catalogue.csv").table)
    assert len(sky) == 1000
    assert sky.images.shape == (1000, 3, 16, 16)
    scale = sdss_query.picture_scale(5 + 3, 16)
    assert sky.images[sky.object_ids.tolist().index(IDS[3])].mean() == pytest.approx(
        min(100 * scale, 255) / 255, abs=0.01
    )


def test_the_scale_is_that_of_the_paper():
    assert sdss_query.picture_scale(8.0, 128) == pytest.approx(2 * 8 / 0.396 / 128)
    for unknown in (-9999.0, float("nan"), 0.0):
        assert sdss_query.picture_scale(unknown, 128) == pytest.approx(15 / 0.396 / 128)


def test_requests_keep_their_distance(serve, tmp_path):
    server, log = serve(0.0)
    table = pd.DataFrame({"ra": np.arange(6.0), "dec": 0.0, "petroR90_r": 5.0}, index=list("abcdef"))
    service = Service(pause_s=0.1, timeout_s=5)
    sdss_query.fetch_pictures(tmp_path / "p", table, size=8, server=server, service=service)
    times = np.array([float(at) for at, *_ in sdss_server.requests(log)])
    assert len(times) == 6
    assert times[-1] - times[0] > 5 * 0.1 - 0.05


def test_what_cannot_be_had_is_named_and_tried_again_later(serve, tmp_path):
    server, _ = serve(1.0)
    table = pd.DataFrame({"ra": np.arange(2.0), "dec": 0.0, "petroR90_r": 5.0}, index=list("ab"))
    service = Service(**QUICK | {"tries": 2, "timeout_s": 0.2})
    failed = sdss_query.fetch_pictures(tmp_path / "p", table, size=8, server=server, service=service)
    assert list(failed) == ["a", "b"]
    assert "expected an answer in 2 tries, got none" in failed["a"]
    assert list((tmp_path / "p").iterdir()) == []
    better, _ = serve(0.0)
    assert sdss_query.fetch_pictures(tmp_path / "p", table, size=8, server=better, service=service) == {}
    assert len(list((tmp_path / "p").iterdir())) == 2


def test_a_service_that_is_down_is_left_alone(tmp_path):
    table = pd.DataFrame({"ra": np.arange(50.0), "dec": 0.0, "petroR90_r": 5.0}, index=[f"g{k}" for k in range(50)])
    service, nobody = Service(**QUICK | {"tries": 1}), "http://127.0.0.1:9/x"
    with pytest.raises(OSError, match="The pictures of 3 galaxies in a row could not be fetched, the last one"):
        sdss_query.fetch_pictures(tmp_path, table, server=nobody, service=service)
    refused = []

    class Refusing(Service):
        def get(self, *_):
            refused.append(1)
            raise ValueError("url: expected an answer, got status 404")

    with pytest.raises(OSError, match=r"The pictures of 20 galaxies in a row could not be fetched.*status 404"):
        sdss_query.fetch_pictures(tmp_path, table, service=Refusing())
    assert len(refused) == 20  # a refusal costs one request, so a few of them mean nothing
    with pytest.raises(KeyError, match="expected a column 'petroR90_r', got ra, dec"):
        sdss_query.fetch_pictures(tmp_path, table[["ra", "dec"]])


def test_minus_9999_is_no_number(serve, tmp_path):
    server, _ = serve(0.0)
    table = sdss_query.fetch_catalogue(tmp_path / "sdss", parts=2, server=server, service=Service(**QUICK))
    assert table["petroR90_r"].isna().sum() == 20
    assert table["petroR90_r"].min() == 5
    old = pd.DataFrame({"objID": ["1237658493878337000"], "petroR90_r": ["-9999"], "d4000": ["-9999.0"], "z": [0.1]})
    (tmp_path / "old").mkdir()
    old.to_csv(tmp_path / "old" / "catalogue.csv", index=False)  # as an earlier version wrote it, or CasJobs
    found = sdss_query.fetch_catalogue(tmp_path / "old")
    assert found[["petroR90_r", "d4000"]].isna().all(axis=None)
    assert found["z"].tolist() == [0.1]


def test_strips_of_another_server_or_query_are_not_taken_for_those_wanted(serve, tmp_path, monkeypatch):
    servers = [serve(0.0) for _ in range(2)]
    service, folder = Service(**QUICK), tmp_path / "sdss"

    def fetch(k):
        return sdss_query.fetch_catalogue(folder, parts=2, server=servers[k][0], service=service)

    fetch(0)
    with pytest.raises(ValueError, match=r"folder: expected no catalogue, or that of .* Use a new folder"):
        fetch(1)
    (folder / "catalogue.csv").unlink()
    fetch(1)
    assert len(sdss_server.requests(servers[1][1])) == 2
    (folder / "catalogue.csv").unlink()
    sql = sdss_query.galaxy_sql()
    monkeypatch.setattr(sdss_query, "galaxy_sql", lambda: sql.replace("18", "17"))
    fetch(1)
    assert len(sdss_server.requests(servers[1][1])) == 4


def test_the_query_for_spectra_is_a_cone(tmp_path):
    sql = sdss_query.spectra_sql(49.95, 41.51, 60)
    assert sql.startswith("SELECT\n")
    assert "dbo.fGetNearbySpecObjEq(49.950000, 41.510000, 60.0000) AS N" in sql
    assert "{" not in sql
    for wrong, message in (((400, 0, 1), "ra: expected 0 to 360, got 400"), ((0, 91, 1), "dec: expected -90 to 90"),
                           ((0, 0, 601), "radius: expected 0 to 600, got 601"),
                           ((float("nan"), 0, 1), "ra: expected 0 to 360, got nan")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            sdss_query.spectra_sql(*wrong)


def test_spectra_around_a_place_are_whole_in_spite_of_failures_and_fetched_once(serve, tmp_path):
    server, log = serve(0.3)
    given = {"server": server, "service": Service(**QUICK | {"tries": 12})}
    seen = []
    table = sdss_query.fetch_spectra(
        tmp_path / "perseus", 150, 2, 10, parts=6, progress=lambda *n: seen.append(n), **given
    )
    assert table.index.tolist() == IDS[:100]  # up to 9.95 arcmin
    assert table["distance_arcmin"].max() == 9.95
    assert table["specObjID"].iloc[1] == "299489676975171585"
    assert table["psfMag_r"].isna().sum() == 1
    assert seen[-1] == (6, 6)
    assert set(spectroscopic_class(table["z_spec"])) == {"star", "member", "background"}
    requested = len(sdss_server.requests(log))
    again = sdss_query.fetch_spectra(tmp_path / "perseus", 150, 2, 10, parts=6, **given)
    pd.testing.assert_frame_equal(again, table)
    assert len(sdss_server.requests(log)) == requested
    with pytest.raises(ValueError, match=r"folder: expected no spectra, or that of .* Use a new folder"):
        sdss_query.fetch_spectra(tmp_path / "perseus", 150, 2, 11, parts=6, **given)


def test_a_stopped_search_goes_on_where_it_was(serve, tmp_path):
    server, log = serve(0.0)

    class Stopping(Service):
        def get(self, *words):
            if len(sdss_server.requests(log) if (log / "requests.txt").exists() else []) == 2:
                raise OSError("stopped")
            return super().get(*words)

    with pytest.raises(OSError, match="stopped"):
        sdss_query.fetch_spectra(tmp_path / "p", 150, 2, 10, server=server, service=Stopping(**QUICK))
    assert not (tmp_path / "p" / "spectra.csv").exists()
    table = sdss_query.fetch_spectra(tmp_path / "p", 150, 2, 10, server=server, service=Service(**QUICK))
    assert len(table) == 100
    assert len(sdss_server.requests(log)) == 4  # nothing twice


def test_a_place_without_spectra_is_an_empty_table(serve, tmp_path):
    server, _ = serve(0.0)
    table = sdss_query.fetch_spectra(tmp_path / "p", 10, 2, 5, server=server, service=Service(**QUICK))
    assert len(table) == 0
    assert len(sdss_query.star_flags(table)) == 0


def test_stars_are_flagged_by_redshift_spectrum_type_and_light(serve, tmp_path):
    server, _ = serve(0.0)
    table = sdss_query.fetch_spectra(tmp_path / "p", 150, 2, 5, server=server, service=Service(**QUICK))
    flags = sdss_query.star_flags(table)
    star = np.arange(50) % 10 == 3
    for name in ("by_redshift", "by_spectrum", "by_type", "by_light"):
        assert flags[name].tolist() == star.tolist()
    assert flags["flags"].tolist() == (4 * star).tolist()
    few = sdss_query.star_flags(table[["z_spec"]])
    assert few["flags"].tolist() == star.astype(int).tolist()
    assert sdss_query.star_flags(table, compact=1.0)["by_light"].sum() == 49  # one has no magnitude


def test_other_addresses_are_not_opened(tmp_path):
    with pytest.raises(ValueError, match="url: expected an address of a web service"):
        Service().get((tmp_path / "secret").as_uri(), {})
