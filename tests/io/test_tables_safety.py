"""A table from a stranger opens no other file or address, runs nothing, and does not fill the memory."""

import base64
import gzip
import json
import socket
import subprocess
import sys
import threading
from xml.sax.saxutils import quoteattr

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table

from galviz.io.formats import common
from galviz.io.tables import KeyedTable, read_table, tables_in, write_table

WATCH = {"open", "os.system", "subprocess.Popen", "socket.connect", "socket.getaddrinfo", "urllib.Request", "exec"}
heard: list[tuple[int, str, str]] = []
listening = threading.local()


def hear(event, args):
    if event in WATCH and getattr(listening, "on", False):
        heard.append((event, str(args[0])))


sys.addaudithook(hear)  # it cannot be removed, so it is quiet but in `events_of`


def events_of(path, action):
    """Return what a call opened, ran or connected to; opening the file itself and the libraries' own does not count."""
    heard.clear()
    listening.on = True
    try:
        action()
    except (ValueError, OSError):
        pass
    finally:
        listening.on = False
    own = (str(path), sys.prefix, sys.base_prefix, "<code object")
    return [event for event in heard if not event[1].startswith(own)]


VOTABLE = """<?xml version="1.0"?>{doctype}
<VOTABLE version="1.4" xmlns:v="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>
<FIELD name="id" datatype="char" arraysize="*"/>{field}<DATA>{data}</DATA></TABLE></RESOURCE></VOTABLE>"""
ROWS = "<TABLEDATA><TR><TD>a</TD></TR></TABLEDATA>"


def vot(path, data=ROWS, doctype="", field=""):
    path.write_text(VOTABLE.format(data=data, doctype=doctype, field=field))
    return path


@pytest.mark.parametrize(
    "data",
    [
        '<BINARY><STREAM href="file://{secret}"/></BINARY>',
        '<BINARY2><STREAM href="{secret}" encoding="gzip"/></BINARY2>',
        '<FITS extnum="1"><STREAM encoding="none" href="file://{secret}"/></FITS>',
        '<PARQUET type="VOTable-remote-file"><STREAM href="file://{secret}"/></PARQUET>',
        '<v:BINARY><v:STREAM href="file://{secret}"/></v:BINARY>',
        '<binary><stream HREF="file://{secret}"/></binary>',
        '<BINARY><STREAM v:href="file://{secret}"/></BINARY>',
        '<BINARY><STREAM href="http://localhost:{port}/t"/></BINARY>',
        '<BINARY><STREAM href="ftp://localhost:{port}/t"/></BINARY>',
    ],
)
def test_a_votable_takes_its_rows_from_nowhere_else(tmp_path, data):
    (tmp_path / "secret").write_bytes(b"\0\0\0\1a" * 3)
    with socket.create_server(("localhost", 0)) as server:
        server.settimeout(0.01)
        path = vot(tmp_path / "t.vot", data.format(secret=tmp_path / "secret", port=server.getsockname()[1]))
        for action in (lambda: read_table(path), lambda: tables_in(path)):
            assert events_of(path, action) == []
            with pytest.raises(ValueError, match=r"VOTable with its own rows, got .*t\.vot, .*Download that file"):
                action()
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_default_attribute_is_an_address_too(tmp_path):
    path = vot(
        tmp_path / "t.vot",
        "<BINARY><STREAM/></BINARY>",
        '<!DOCTYPE VOTABLE [<!ATTLIST STREAM href CDATA "file:///etc/passwd">]>',
    )
    with pytest.raises(ValueError, match="file:///etc/passwd"):
        read_table(path)


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE VOTABLE [<!ENTITY a "b">]>',
        '<!DOCTYPE VOTABLE [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE VOTABLE [<!ENTITY % a SYSTEM "file:///etc/passwd"> %a;]>',
        '<!DOCTYPE VOTABLE [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>',
    ],
)
def test_entities_are_refused(tmp_path, doctype):
    path = vot(tmp_path / "t.vot", ROWS.replace(">a<", ">&a;<" if "%" not in doctype else ">a<"), doctype)
    with pytest.raises(ValueError, match=r"expected a VOTable, got .*which declares XML entities"):
        read_table(path)


def test_an_old_doctype_is_fine_and_not_fetched(tmp_path):
    path = vot(tmp_path / "t.vot", doctype='<!DOCTYPE VOTABLE SYSTEM "http://us-vo.org/xml/VOTable.dtd">')
    assert read_table(path).table.index.tolist() == ["a"]
    assert events_of(path, lambda: read_table(path)) == []


ECSV = """# %ECSV 1.0
# ---
# datatype:
# - {{name: id, datatype: string}}
# - {{name: x, datatype: int64}}
{extra}
# schema: astropy-2.0
id x
a 1
"""


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['touch {made}']",
        "!!python/object/new:os.system ['touch {made}']",
        "!!python/name:os.system",
        "!!python/module:os",
    ],
)
def test_yaml_that_names_python_is_refused_and_not_run(tmp_path, tag):
    path = tmp_path / "t.ecsv"
    path.write_text(ECSV.format(extra="# meta: {a: " + tag.format(made=tmp_path / "made") + "}"))
    assert events_of(path, lambda: read_table(path)) == []
    with pytest.raises(ValueError, match=r"t\.ecsv: expected a whole ECSV file"):
        read_table(path)
    assert not (tmp_path / "made").exists()


def test_yaml_builds_no_arrays_of_pointers(tmp_path):
    pointers = base64.b64encode(b"ABCDEFGH").decode()  # astropy's loader made an array of objects at that address
    meta = f"# meta: {{a: !numpy.ndarray {{buffer: !!binary {pointers}, dtype: object, order: C, shape: [1]}}}}"
    (tmp_path / "t.ecsv").write_text(ECSV.format(extra=meta))
    assert read_table(tmp_path / "t.ecsv").table["x"].tolist() == [1]


def test_deep_nesting_is_an_error(tmp_path):
    (tmp_path / "t.ecsv").write_text(ECSV.format(extra="# meta: " + "[" * 20_000))
    (tmp_path / "t.vot").write_text(
        "<VOTABLE>" + "<RESOURCE>" * 20_000 + "<TABLE/>" + "</RESOURCE>" * 20_000 + "</VOTABLE>"
    )
    for name in ("t.ecsv", "t.vot"):
        with pytest.raises(ValueError, match=f"{name}: expected a whole"):
            read_table(tmp_path / name)


def test_a_yaml_bomb_does_not_unfold(tmp_path):
    lines = ["# meta:", "#   a0: &a0 [x, x]", *(f"#   a{k}: &a{k} [*a{k - 1}, *a{k - 1}]" for k in range(1, 60))]
    (tmp_path / "t.ecsv").write_text(ECSV.format(extra="\n".join(lines)))
    assert len(read_table(tmp_path / "t.ecsv")) == 1


def test_a_fits_file_opens_no_member_of_its_group(tmp_path):
    path = tmp_path / "t.fits"
    table = fits.BinTableHDU(
        Table({"id": ["a"], "MEMBER_LOCATION": [f"file://{tmp_path}/other.fits"]}), name="GROUPING"
    )
    table.header["GRPLC1"] = "http://localhost/x.fits"
    table.header["GRPID1"] = -1
    table.header["INHERIT"] = True
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)
    assert events_of(path, lambda: read_table(path)) == []
    assert len(read_table(path)) == 1


def test_folders_above_a_parquet_file_are_no_columns(tmp_path):
    (tmp_path / "a=1").mkdir()
    path = tmp_path / "a=1" / "t.parquet"
    write_table(path, pd.DataFrame({"a": ["spiral"], "z": [0.1]}, index=["x"]), "parquet")
    assert read_table(path).table.to_dict("list") == {"a": ["spiral"], "z": [0.1]}
    assert events_of(path, lambda: read_table(path)) == []


def test_a_parquet_file_with_columns_elsewhere_is_refused(tmp_path):
    metadata = []
    pq.write_table(pa.table({"id": ["a"], "z": [0.1]}), tmp_path / "part.parquet", metadata_collector=metadata)
    metadata[0].set_file_path("part.parquet")
    whole = (tmp_path / "part.parquet").read_bytes()
    metadata[0].write_metadata_file(tmp_path / "footer")
    footer = (tmp_path / "footer").read_bytes()
    (tmp_path / "t.parquet").write_bytes(whole[:-8] + footer[4:])
    with pytest.raises(ValueError, match=r"with its own columns, got .*, which names other files"):
        read_table(tmp_path / "t.parquet")


@pytest.mark.parametrize("head", [b"id,x\n", b"SIMPLE  =", b"<VOTABLE>", b"# %ECSV 1.0\n"])
def test_a_gzip_bomb_is_refused_before_it_unfolds(tmp_path, head, monkeypatch):
    monkeypatch.setattr(common, "MOST_UNPACKED", 1 << 20)
    (tmp_path / "t").write_bytes(gzip.compress(head + b"1" * (8 << 20)))
    with pytest.raises(ValueError, match=r"whose [\d,]+ bytes claim to hold more than [\d,]+ bytes"):
        read_table(tmp_path / "t")


def test_a_large_file_that_packs_well_is_no_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr(common, "MOST_UNPACKED", 1000)
    rows = "".join(f"{k},{k * 7 % 1000}\n" for k in range(20_000))
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(f"id,x\n{rows}".encode()))
    assert len(read_table(tmp_path / "t.csv.gz")) == 20_000


def test_sizes_in_headers_are_checked_before_memory_is_taken(tmp_path):
    Table({"id": ["a"], "x": [1.5]}).write(tmp_path / "t.fits")
    content = (tmp_path / "t.fits").read_bytes()
    for before, after in [(b"NAXIS2  =                    1", b"NAXIS2  =      999999999999999")]:
        assert before in content
        (tmp_path / "t.fits").write_bytes(content.replace(before, after))
        with pytest.raises(ValueError, match=r"t\.fits: expected a whole FITS file"):
            read_table(tmp_path / "t.fits")
    path = vot(tmp_path / "t.vot", field='<FIELD name="x" datatype="double" arraysize="99999999x99999"/>')
    with pytest.raises(ValueError, match="claim to hold more than"):
        read_table(path)
    path.write_text(
        VOTABLE.format(data=ROWS, doctype="", field="").replace("<TABLE>", '<TABLE nrows="99999999999999">')
    )
    with pytest.raises(ValueError, match="claim to hold more than"):
        read_table(path)
    table = pa.table({"id": pa.array(range(1000)), "z": pa.array(np.zeros(1000))})
    pq.write_table(table, tmp_path / "t.parquet")
    assert len(read_table(tmp_path / "t.parquet")) == 1000


@pytest.mark.parametrize(
    "damage",
    [
        '{"a":' * 5000 + "1" + "}" * 5000,
        "[1]",
        '{"z": 3}',
        '{"z": {"name": 3}}',
        "{",
        '{"z": {"type": "list<int>"}}',
        "null x",
    ],
)
@pytest.mark.parametrize("kind", ["csv", "ecsv", "votable", "fits", "parquet"])
def test_a_record_that_is_not_ours_is_ignored_with_a_note(tmp_path, kind, damage):
    keyed = KeyedTable(pd.DataFrame({"z": [1.5, 2.5]}, index=["a", "b"]), provenance={"ids": 2})
    path = tmp_path / "t"
    write_table(path, keyed, kind)
    spoil(path, kind, damage)
    again = read_table(path)
    assert again.table["z"].tolist() == [1.5, 2.5]
    assert any("by galviz in this file is damaged and was ignored" in note for note in again.notes)
    spoil(path, kind, damage, provenance=True)
    read_table(path)


def spoil(path, kind, damage, *, provenance=False):
    """Put other JSON where galviz describes the columns (or where a selection comes from)."""
    key = common.PROVENANCE if provenance else common.COLUMNS
    if kind == "parquet":
        table = pq.ParquetFile(path).read()
        pq.write_table(table.replace_schema_metadata({**table.schema.metadata, key.encode(): damage}), path)
    elif kind == "fits":
        with fits.open(path) as hdus:
            try:
                about = json.loads(damage)
            except (ValueError, RecursionError):
                about = None
            content = damage if about is None else json.dumps({key.removeprefix("galviz."): about})
            first = fits.PrimaryHDU(np.frombuffer(content.encode(), np.uint8), hdus[0].header)
            fits.HDUList([first, hdus[1].copy()]).writeto(path, overwrite=True)
    else:
        lines = path.read_text().splitlines(keepends=True)
        start = {
            "csv": f"# {key.replace('.', ' ')}: ",
            "ecsv": f"# - {{{key}: ",
            "votable": f'<INFO name="{key}" value=',
        }[kind]
        end = {"csv": damage, "ecsv": f"'{damage}'}}", "votable": quoteattr(damage) + "/>"}[kind]
        assert sum(line.startswith(start) for line in lines) == 1
        path.write_text("".join(f"{start}{end}\n" if line.startswith(start) else line for line in lines))


def test_a_flipped_bit_in_a_parquet_file_is_an_error_or_changes_nothing(tmp_path):
    """In a process of its own: a damaged size statistic ended the whole process."""
    table = pd.DataFrame({"z": np.arange(50) * 1.37}, index=pd.Index([f"id{k:03d}" for k in range(50)]))
    write_table(tmp_path / "whole.parquet", KeyedTable(table), "parquet")
    script = """
import sys
from pathlib import Path
from galviz.io.tables import read_table
whole, damaged = (Path(sys.argv[1]) / name for name in ("whole.parquet", "damaged.parquet"))
values, content = read_table(whole).table["z"].tolist(), whole.read_bytes()
for place in range(0, len(content), 3):
    changed = bytearray(content)
    changed[place] ^= 0x10
    damaged.write_bytes(changed)
    try:
        found = read_table(damaged).table
    except (ValueError, OSError):
        continue
    assert "z" not in found or found["z"].tolist() == values, place
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]


@pytest.mark.parametrize("form", ["tabledata", "binary", "binary2"])
def test_a_votable_with_fewer_rows_than_it_says_is_refused(tmp_path, form):
    path = tmp_path / "t.vot"
    Table({"id": ["a", "b", "c"], "z": [0.1, 0.2, 0.3]}).write(path, format="votable", tabledata_format=form)
    assert len(read_table(path).table) == 3
    text = path.read_text()
    path.write_text(text.replace("<TABLE>", '<TABLE nrows="3">'))
    assert len(read_table(path).table) == 3
    path.write_text(text.replace("<TABLE>", '<TABLE nrows="5">'))
    with pytest.raises(ValueError, match=r"expected 5 rows, as .*t\.vot says, got 3"):
        read_table(path)
