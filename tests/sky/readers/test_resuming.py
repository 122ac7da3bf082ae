"""A sky that was killed goes on where it stopped, and what was left out is kept with its reason."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
from PIL import Image

from galviz.sky.cutouts import CutoutSet
from galviz.sky.opening import open_any_images
from galviz.sky.readers import writing
from galviz.sky.rejected import rejected

COUNT = 12


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "given").mkdir()
    for k in range(COUNT):
        Image.new("RGB", (8, 8), (10 * k, 0, 0)).save(tmp_path / "given" / f"{k:02d}.png")
    rows = "".join(f"{k:02d},{k}\n" for k in range(COUNT))
    (tmp_path / "given" / "t.csv").write_text(f"object_id,x\n{rows}99,5\n")
    return tmp_path / "given"


SCRIPT = """
import time
from galviz.sky.opening import open_any_images
from galviz.sky.readers import writing
writing._PART = 2
def progress(done, total):
    print(done, flush=True)
    time.sleep(0.1)
open_any_images({given!r}, out={out!r}, workers=1, skip_bad=True, progress=progress, report=None)
"""


def killed(folder, out, after):
    """Make a sky in a process that is killed (kill -9) once it has read so many."""
    script = textwrap.dedent(SCRIPT).format(given=str(folder), out=str(out))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) >= after:
                process.kill()


def resumed(folder, out, **more):
    seen, reports = [], []
    sky = open_any_images(
        folder, out=out, workers=1, skip_bad=True, progress=lambda *n: seen.append(n), report=reports.append, **more
    )
    return sky, seen, reports


def check_whole(sky, ids):
    assert sky.object_ids.tolist() == [f"{k:02d}" for k in ids]
    assert sky.catalogue["x"].tolist() == list(ids)
    assert sky.images.raw[:][:, 0, 0, 0].tolist() == [10 * k for k in ids]


def test_a_killed_sky_goes_on_and_loses_nothing(folder, tmp_path):
    (folder / "01.png").write_bytes(b"no picture")
    out = tmp_path / "sky"
    killed(folder, out, after=8)
    assert not out.exists()
    sky, seen, reports = resumed(folder, out)
    assert seen[0][0] >= 6  # a part of two may be lost, no more
    assert any("were read by an earlier run" in one for one in reports)
    check_whole(sky, [k for k in range(COUNT) if k != 1])
    assert sorted(rejected(out)["object_id"]) == ["01", "99"]
    assert "cannot be read" in rejected(out).set_index("object_id")["reason"]["01"]
    assert [p.name for p in tmp_path.iterdir() if "sky" in p.name] == ["sky"]


def test_another_request_begins_anew(folder, tmp_path):
    out = tmp_path / "sky"
    killed(folder, out, after=8)
    sky, seen, _ = resumed(folder, out, size=4)
    assert seen[0][0] <= COUNT
    assert sky.images.shape == (COUNT, 3, 4, 4)


@pytest.mark.parametrize("stage", ["before the record", "before the sky"])
def test_a_stop_between_two_writes_loses_nothing(folder, tmp_path, monkeypatch, stage):
    """The record and the sky cannot be written at once: whichever comes first, the other one decides."""
    monkeypatch.setattr(writing, "_PART", 2)
    out, calls = tmp_path / "sky", []
    name, owner = ("write_json", writing) if stage == "before the record" else ("append", CutoutSet)
    real = getattr(owner, name)

    def stops(*args):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*args)

    (folder / "03.png").write_bytes(b"no picture")  # the last of a part
    (folder / "05.png").write_bytes(b"no picture")
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, stops if stage == "before the record" else staticmethod(stops))
        with pytest.raises(KeyboardInterrupt):
            resumed(folder, out)
    sky, seen, _ = resumed(folder, out)
    assert seen[0][0] >= 4
    check_whole(sky, [k for k in range(COUNT) if k not in (3, 5)])
    assert sorted(rejected(out)["object_id"]) == ["03", "05", "99"]


def test_after_a_bad_picture_the_command_with_skip_bad_goes_on(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "_PART", 2)
    (folder / "07.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"images: 07: .*skip_bad"):
        open_any_images(folder, out=tmp_path / "sky", workers=1, report=None)
    sky, seen, _ = resumed(folder, tmp_path / "sky")
    assert seen[0][0] == 6
    check_whole(sky, [k for k in range(COUNT) if k != 7])


def test_two_processes_do_not_make_one_sky(folder, tmp_path):
    with writing.FileLock(tmp_path / ".sky.lock"), pytest.raises(RuntimeError, match="a sky that nobody makes"):
        open_any_images(folder, out=tmp_path / "sky", report=None)


def test_parts_grow_while_they_are_fast_and_end_with_a_shard(folder, tmp_path):
    found = writing.Pictures(np.empty(0), list, "")
    writer = writing._Writer(tmp_path / "none", found, "", scientific=False)
    lengths = []
    for seconds in (1, 1, 1, 1, 100):
        writer.start += writer.part
        writer.next_part(seconds, shard=1365)
        lengths.append(writer.part)
    assert lengths == [512, 597, 1365, 1365, 682]
