"""Rows of shards are read straight from their files: the same pixels as Zarr reads, in any order."""

import numpy as np
import pytest
import zarr

from galviz.sky import storage
from galviz.sky.cutouts import CutoutSet
from galviz.sky.shards import ShardFiles, can_read


@pytest.fixture
def stored(make_sky, tmp_path, monkeypatch):
    """A sky of 12 objects in shards of 4, of which the last is not full."""
    monkeypatch.setattr(storage, "_SHARD_BYTES", 5 * 4 * 5 * 16 * 16)
    return make_sky().save(tmp_path / "sky")


def files(path):
    folder = path / "images.zarr/images"
    array = zarr.open_array(folder, mode="r")
    assert can_read(array)
    return ShardFiles(folder, array), array


def test_rows_in_any_order_are_those_of_zarr(stored):
    read, array = files(stored)
    for listed in ([3], [11, 0, 5, 5, 4], [], range(12)):
        rows = np.array(listed, int)
        np.testing.assert_array_equal(read.read(rows), array[:][rows])


def test_a_saved_sky_is_read_without_zarr(stored, monkeypatch):
    sky = CutoutSet.open(stored)
    expected = zarr.open_array(stored / "images.zarr/images")[:]
    monkeypatch.setattr(zarr.Array, "__getitem__", None)
    monkeypatch.setattr(zarr.Array, "oindex", None)
    np.testing.assert_array_equal(sky.images[np.array([7, 2])], expected[[7, 2]])
    np.testing.assert_array_equal(sky.images[3:9], expected[3:9])


def test_an_open_sky_reads_on_after_objects_are_appended(stored, make_sky):
    sky = CutoutSet.open(stored)
    before = sky.images[:]
    more = make_sky()
    ids = [f"new{k}" for k in range(len(more))]
    renamed = CutoutSet(
        images=more.images[:] + 1, bands=more.bands, unit=more.unit, pixel_scale=more.pixel_scale,
        catalogue=more.catalogue.set_axis(ids), wcs=None if more.wcs is None else more.wcs.set_axis(ids),
    )  # fmt: skip
    CutoutSet.append(stored, renamed)
    np.testing.assert_array_equal(sky.images[:], before)
    np.testing.assert_array_equal(CutoutSet.open(stored).images[12:], more.images[:] + 1)


def test_rows_outside_the_array_are_refused(stored):
    read, _ = files(stored)
    for row in (12, -1):
        with pytest.raises(IndexError):
            read.read(np.array([row]))


def test_rows_that_were_never_written_are_refused(stored):
    array = zarr.open_array(stored / "images.zarr/images", mode="r+")
    array.resize((14, *array.shape[1:]))
    read, _ = files(stored)
    with pytest.raises(ValueError, match="row 13 outside its shard"):
        read.read(np.array([13]))


@pytest.mark.parametrize(
    "layout",
    [
        {"chunks": (1, 2, 8, 8)},
        {"chunks": (2, 2, 8, 8), "shards": (4, 2, 8, 8)},
        {"chunks": (1, 1, 8, 8), "shards": (4, 2, 8, 8)},
        {"chunks": (1, 2, 8, 8), "shards": (4, 2, 8, 8), "compressors": None},
        {"chunks": (1, 2, 8, 8), "shards": (4, 2, 8, 8)},  # without checksums, as older skies
    ],
)
def test_other_layouts_are_left_to_zarr(tmp_path, layout):
    array = zarr.create_array(tmp_path / "other", shape=(8, 2, 8, 8), dtype="float32", **layout)
    assert not can_read(array)
