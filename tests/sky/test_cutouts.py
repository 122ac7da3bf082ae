import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galviz.sky.cutouts import CutoutSet

BANDS = ("u", "g", "r", "i", "z")


class Counting:
    """An array that counts the rows read from it, and that is too large to be there."""

    def __init__(self, rows, shape=(5, 8, 8)):
        self.shape, self.dtype = (rows, *shape), np.dtype(np.float32)
        self.rows_read, self.largest = 0, 0

    def __getitem__(self, key):
        rows = np.arange(self.shape[0])[key]
        self.rows_read += rows.size
        self.largest = max(self.largest, rows.size)
        return np.broadcast_to(np.float32(rows)[:, None, None, None], (rows.size, *self.shape[1:])).copy()


def arguments(rows=3, **changes):
    catalogue = pd.DataFrame({"richness": np.arange(rows) + 20.0}, index=[f"id{k}" for k in range(rows)])
    given = {
        "images": np.ones((rows, 5, 8, 8), np.float32),
        "bands": BANDS,
        "catalogue": catalogue,
        "pixel_scale": 0.396,
        "unit": "nanomaggy",
    }
    return given | changes


def wcs_table(index):
    columns = ["crval1", "crval2", "crpix1", "crpix2", "cd1_1", "cd1_2", "cd2_1", "cd2_2"]
    rows = [[150.0 + k, 2.0, 4.5, 4.5, -0.396 / 3600, 0, 0, 0.396 / 3600] for k in range(len(index))]
    return pd.DataFrame(rows, index=index, columns=columns)


def test_what_went_in_comes_out():
    cutouts = CutoutSet(**arguments(), origin="SDSS DR17 frames", survey="sdss")
    assert len(cutouts) == 3
    assert cutouts.bands == BANDS
    assert cutouts.object_ids.tolist() == ["id0", "id1", "id2"]
    assert cutouts.images.shape == (3, 5, 8, 8)
    assert cutouts.images.dtype == np.float32
    assert cutouts.catalogue.index.name == "object_id"
    np.testing.assert_array_equal(cutouts.pixel_scale, [0.396] * 3)
    assert (cutouts.unit, cutouts.origin, cutouts.survey) == ("nanomaggy", "SDSS DR17 frames", "sdss")
    assert cutouts.coverage is None
    assert cutouts.wcs is None
    assert cutouts.sources is None
    assert "3 objects" in repr(cutouts)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"images": np.ones((100, 3, 64, 64), np.float32)},
            (
                "bands: expected 3 different names for images of shape (100, 3, 64, 64), "
                "got 5 ('u', 'g', 'r', 'i', 'z'). Axis 1 of images is the band axis."
            ),
        ),
        ({"bands": ("u", "g", "r", "i", "i")}, "bands: expected 5 different names"),
        ({"images": np.ones((3, 5, 8, 8))}, "images: expected float32 of shape (N, B, H, W), got float64"),
        ({"images": np.ones((3, 8, 8), np.float32)}, "images: expected float32 of shape (N, B, H, W), got float32 of"),
        ({"images": np.ones((4, 5, 8, 8), np.float32)}, "catalogue: expected 4 rows, one an image, got 3"),
        ({"coverage": np.ones((3, 5, 8, 7), bool)}, "coverage: expected bool of the images' shape (3, 5, 8, 8), got"),
        ({"coverage": np.ones((3, 5, 8, 8))}, "coverage: expected bool of the images' shape"),
        ({"coverage": np.zeros((3, 5, 8, 8), bool)}, "images: expected 0 where coverage is False, got other values"),
        ({"catalogue": pd.DataFrame(index=["a", "b", "a"])}, "object_id: expected unique ids, got 'a' more than once"),
        ({"pixel_scale": [0.4, 0.4]}, "pixel_scale: expected one or 3 positive numbers in arcsec"),
        ({"pixel_scale": 0.0}, "pixel_scale: expected one or 3 positive numbers in arcsec"),
        ({"pixel_scale": -0.4}, "pixel_scale: expected one or 3 positive numbers in arcsec"),
        ({"unit": "counts"}, "unit: expected 'nanomaggy' or 'display', got 'counts'"),
        ({"wcs": wcs_table(["id0", "id2", "id1"])}, "wcs: expected columns"),
        ({"wcs": wcs_table(["id0", "id1", "id2"]).drop(columns="cd1_1")}, "wcs: expected columns"),
        ({"sources": pd.DataFrame({"object_id": ["id0"], "x": [1.0], "y": [1.0]})}, "sources: expected columns"),
        (
            {"sources": pd.DataFrame({"object_id": ["id9"], "x": [1.0], "y": [1.0], "kind": ["star"]})},
            "sources: expected ids of the catalogue, got 'id9'",
        ),
    ],
)
def test_bad_input_is_named(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        CutoutSet(**arguments(**changes))


@pytest.mark.parametrize("ids", [[1237658493878337918, 1237658493878337919, 3], ["a", "b", None], ["a", "b", 1.5]])
def test_ids_are_strings(ids):
    with pytest.raises(TypeError, match=r"object_id: expected strings .*dtype=str"):
        CutoutSet(**arguments(catalogue=pd.DataFrame(index=ids)))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_pixels_that_are_no_numbers_are_refused_with_the_id(value):
    images = np.ones((300, 5, 8, 8), np.float32)
    images[299, 2, 3, 3] = value
    with pytest.raises(ValueError, match=r"images: expected finite pixels, got NaN or infinity in 'id299'.*coverage"):
        CutoutSet(**arguments(300, images=images))


def test_nothing_can_be_set():
    cutouts = CutoutSet(**arguments())
    for name in ("images", "bands", "catalogue", "pixel_scale", "unit", "coverage", "object_ids"):
        with pytest.raises(AttributeError):
            setattr(cutouts, name, None)


def test_what_is_handed_out_can_be_changed_without_harm():
    sources = pd.DataFrame({"object_id": ["id0"], "x": [1.0], "y": [1.0], "kind": ["star"]})
    coverage = np.ones((3, 5, 8, 8), bool)
    index = pd.Index([f"id{k}" for k in range(3)])
    cutouts = CutoutSet(**arguments(sources=sources, wcs=wcs_table(index), coverage=coverage))
    before = cutouts.fingerprint
    for name, column in (("catalogue", "richness"), ("sources", "x"), ("wcs", "crval1")):
        table = getattr(cutouts, name)
        table.iloc[0, table.columns.get_loc(column)] = -1
        assert getattr(cutouts, name)[column].iloc[0] != -1
    for array in (cutouts.object_ids, cutouts.pixel_scale, cutouts.images[0], cutouts.images[:2], cutouts.coverage[0]):
        if array.flags.writeable:
            array[...] = 0
    assert cutouts.object_ids.tolist() == ["id0", "id1", "id2"]
    assert (cutouts.pixel_scale == 0.396).all()
    assert (cutouts.images[:] == 1).all()
    assert cutouts.coverage[:].all()
    assert cutouts.fingerprint == before


def test_a_batch_can_be_changed_without_harm():
    cutouts = CutoutSet(**arguments())
    for _, images, _ in cutouts.batches(2):
        if images.flags.writeable:
            images[...] = 0
    assert (cutouts.images[:] == 1).all()


def test_the_callers_table_stays_the_callers():
    given = arguments()
    cutouts = CutoutSet(**given)
    given["catalogue"].iloc[0, 0] = -5
    assert cutouts.catalogue.iloc[0, 0] == 20.0
    assert given["catalogue"].index.name is None


@given(st.lists(st.integers(0, 11), unique=True), st.data())
def test_id_and_picture_stay_together(tiny_sky, burned_id, rows, data):
    chosen = tiny_sky.select(tiny_sky.object_ids[rows])
    again = chosen.select(data.draw(st.permutations(list(chosen.object_ids))))
    for cutouts in (chosen, again):
        assert len(cutouts) == len(rows)
        for k, object_id in enumerate(cutouts.object_ids):
            assert burned_id(cutouts.images[k]) == object_id
            expected = tiny_sky.catalogue.loc[object_id]
            pd.testing.assert_series_equal(cutouts.catalogue.iloc[k], expected)
        assert [burned_id(image) for image in cutouts.images[:]] == list(cutouts.object_ids)
        assert [burned_id(image) for _, images, _ in cutouts.batches(5) for image in images] == list(cutouts.object_ids)


def test_ids_that_differ_in_the_last_digit_are_two_objects(tiny_sky, burned_id):
    first, second = tiny_sky.object_ids[8:10]
    assert float(first) == float(second)
    assert len(first) == 19
    assert burned_id(tiny_sky.select([second]).images[0]) == second
    assert tiny_sky.row_of([second, first]).tolist() == [9, 8]


def test_everything_else_is_selected_along():
    index = pd.Index([f"id{k}" for k in range(3)])
    sources = pd.DataFrame({"object_id": ["id0", "id2", "id2"], "x": [1.0, 2, 3], "y": 0.0, "kind": "star"})
    coverage = np.ones((3, 5, 8, 8), bool)
    coverage[2, 0] = False
    given = arguments(wcs=wcs_table(index), sources=sources, coverage=coverage, pixel_scale=[0.1, 0.2, 0.3])
    given["images"][2, 0] = 0
    chosen = CutoutSet(**given).select(["id2", "id1"])
    np.testing.assert_array_equal(chosen.pixel_scale, [0.3, 0.2])
    assert chosen.wcs["crval1"].tolist() == [152.0, 151.0]
    assert chosen.sources["x"].tolist() == [2.0, 3.0]
    assert not chosen.coverage[0][0].any()
    assert chosen.coverage[1].all()


@pytest.mark.parametrize("ids", [["id9"], ["id0", "id9"], "id9", [0]])
def test_an_unknown_id_is_named(ids):
    cutouts = CutoutSet(**arguments())
    with pytest.raises(KeyError, match="ids: expected ids of this set of 3 objects, got"):
        cutouts.select(ids)


def test_selecting_an_object_twice_is_refused():
    with pytest.raises(ValueError, match="'id1' more than once"):
        CutoutSet(**arguments()).select(["id1", "id1"])


@pytest.mark.parametrize("rows", [500, 2000])
def test_what_is_read_does_not_grow_with_the_set(rows):
    images = Counting(rows)
    cutouts = CutoutSet(**arguments(rows, images=images))
    assert images.largest <= 256  # checked once, in parts
    images.rows_read = 0
    chosen = cutouts.select(cutouts.object_ids[::-1]).select(["id3", "id7"])
    assert len(chosen) == 2
    assert images.rows_read == 0
    assert chosen.images[1][0, 0, 0] == 7
    assert images.rows_read == 1
    assert len(cutouts.fingerprint) == 64
    assert images.rows_read <= 65
    assert [len(ids) for ids, _, _ in cutouts.batches(300)][:1] == [300]
    assert images.largest <= 300


@pytest.mark.parametrize(
    "key", [0, -1, np.int64(2), slice(None), slice(1, 3), slice(None, None, 2), slice(None, None, -1), [2, 0, 2]]
)
def test_images_are_indexed_as_numpy_does(tiny_sky, key):
    cutouts = tiny_sky.select(tiny_sky.object_ids[[5, 1, 9]])
    whole = np.stack([tiny_sky.images[row] for row in (5, 1, 9)])
    np.testing.assert_array_equal(cutouts.images[key], whole[key])
    np.testing.assert_array_equal(np.asarray(cutouts.images), whole)


@pytest.mark.parametrize("row", [3, -4])
def test_a_row_that_is_not_there_is_refused(tiny_sky, row):
    with pytest.raises(IndexError):
        tiny_sky.select(tiny_sky.object_ids[:3]).images[row]


@pytest.mark.parametrize("size", [1, 5, 12, 100])
def test_batches_are_the_set_in_order(make_sky, size):
    sky = make_sky(coverage=True)
    parts = list(sky.batches(size))
    assert [len(ids) for ids, _, _ in parts] == [min(size, 12 - start) for start in range(0, 12, size)]
    np.testing.assert_array_equal(np.concatenate([ids for ids, _, _ in parts]), sky.object_ids)
    np.testing.assert_array_equal(np.concatenate([images for _, images, _ in parts]), sky.images[:])
    np.testing.assert_array_equal(np.concatenate([coverage for _, _, coverage in parts]), sky.coverage[:])


def test_an_empty_set_is_a_set():
    empty = CutoutSet(**arguments()).select([])
    assert len(empty) == 0
    assert empty.images[:].shape == (0, 5, 8, 8)
    assert list(empty.batches()) == []
    assert len(empty.fingerprint) == 64


def test_coordinates_are_of_the_object():
    index = pd.Index([f"id{k}" for k in range(3)])
    cutouts = CutoutSet(**arguments(wcs=wcs_table(index))).select(["id2", "id0"])
    wcs = cutouts.wcs_of("id2")
    centre = wcs.pixel_to_world(3.5, 3.5)  # FITS pixel 4.5
    assert centre.ra.deg == pytest.approx(152.0)
    assert centre.dec.deg == pytest.approx(2.0)
    east = wcs.pixel_to_world(2.5, 3.5)
    assert centre.separation(east).arcsec == pytest.approx(0.396, rel=1e-4)
    assert east.ra.deg > centre.ra.deg
    assert wcs.array_shape == (8, 8)


def test_coordinates_that_are_not_there():
    with pytest.raises(ValueError, match="wcs: expected a set with coordinates, got one without"):
        CutoutSet(**arguments()).wcs_of("id0")


def test_fingerprint_is_of_the_content(make_sky):
    sky = make_sky()
    assert sky.fingerprint == make_sky().fingerprint
    assert sky.select(sky.object_ids).fingerprint == sky.fingerprint
    other_images = np.array(sky.images[:])
    other_images[5, 0, 9, 9] += 1
    same = {"bands": sky.bands, "pixel_scale": 0.396, "unit": "nanomaggy"}
    others = [
        sky.select(sky.object_ids[::-1]),
        CutoutSet(images=other_images, catalogue=sky.catalogue, **same),
        CutoutSet(images=sky.images, catalogue=sky.catalogue.assign(z=0.2), **same),
    ]
    assert len({sky.fingerprint, *(other.fingerprint for other in others)}) == 4


def test_a_memory_map_is_read_by_rows(tmp_path):
    np.save(tmp_path / "images.npy", np.arange(3 * 5 * 8 * 8, dtype=np.float32).reshape(3, 5, 8, 8))
    cutouts = CutoutSet(**arguments(images=np.load(tmp_path / "images.npy", mmap_mode="r")))
    assert cutouts.select(["id1"]).images[0][0, 0, 0] == 320
