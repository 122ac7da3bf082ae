import errno
import json
import re

import numpy as np
import pandas as pd
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from galviz.io.lazy_array import LazyRows
from galviz.sky import storage
from galviz.sky.cutouts import CutoutSet

WCS = ["crval1", "crval2", "crpix1", "crpix2", "cd1_1", "cd1_2", "cd2_1", "cd2_2"]


def rich_sky(make_sky, rows=6, first=1237658493878337640, *, with_sources=True):
    """Give a small sky with everything that a set can have."""
    sky = make_sky(rows, first, size=8, coverage=True)
    index = sky.catalogue.index
    rng = np.random.default_rng(rows)
    catalogue = sky.catalogue.assign(
        field=[f"f{k}" for k in range(rows)], members=np.arange(rows), edge=rng.random(rows) < 0.5
    )
    catalogue.loc[index[:1], "z"] = np.nan
    sources = pd.DataFrame({"object_id": index.repeat(2), "x": 1.5, "y": 2.5, "kind": "star", "p_mem": 0.5})
    return CutoutSet(
        images=sky.images,
        coverage=sky.coverage,
        bands=sky.bands,
        catalogue=catalogue,
        pixel_scale=rng.uniform(0.3, 0.5, rows),
        unit="nanomaggy",
        wcs=pd.DataFrame(rng.normal(size=(rows, 8)), index=index, columns=WCS),
        sources=sources if with_sources else None,
        origin="SDSS DR17 frames",
        survey="sdss",
    )


def check_same(left, right):
    np.testing.assert_array_equal(left.images[:], right.images[:])
    assert (left.coverage is None) == (right.coverage is None)
    if left.coverage is not None:
        np.testing.assert_array_equal(left.coverage[:], right.coverage[:])
    np.testing.assert_array_equal(left.object_ids, right.object_ids)
    np.testing.assert_array_equal(left.pixel_scale, right.pixel_scale)
    for name in ("catalogue", "wcs", "sources"):
        one, other = getattr(left, name), getattr(right, name)
        assert (one is None) == (other is None), name
        if one is not None:
            pd.testing.assert_frame_equal(one, other)
    for name in ("bands", "unit", "origin", "survey", "fingerprint"):
        assert getattr(left, name) == getattr(right, name)


def contents(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def full_disk(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_saved_set_is_the_same_when_opened(make_sky, tmp_path):
    for k, sky in enumerate((make_sky(), rich_sky(make_sky))):
        assert sky.save(tmp_path / f"new/sky{k}") == tmp_path / f"new/sky{k}"
        check_same(CutoutSet.open(str(tmp_path / f"new/sky{k}")), sky)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), parts=st.lists(st.integers(0, 5), min_size=1, max_size=4), shard=st.integers(1, 7))
def test_any_parts_give_the_whole(make_sky, tmp_path_factory, data, parts, shard):
    whole = rich_sky(make_sky, rows=sum(parts))
    path = tmp_path_factory.mktemp("sky") / "sky"
    ends = np.cumsum(parts)
    pieces = [whole.select(whole.object_ids[end - size : end]) for size, end in zip(parts, ends, strict=True)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "_SHARD_BYTES", shard * 4 * 5 * 8 * 8)
        pieces[0].save(path)
        for piece in pieces[1:]:
            CutoutSet.append(path, piece)
    opened = CutoutSet.open(path)
    np.testing.assert_array_equal(opened.object_ids, whole.object_ids)
    chosen = data.draw(st.permutations(list(whole.object_ids)))
    np.testing.assert_array_equal(opened.select(chosen).images[:], whole.select(chosen).images[:])
    np.testing.assert_array_equal(opened.select(chosen).coverage[:], whole.select(chosen).coverage[:])
    pd.testing.assert_frame_equal(opened.catalogue, whole.catalogue)


def test_id_and_picture_stay_together_on_disk(make_sky, burned_id, tmp_path):
    make_sky().save(tmp_path / "sky")
    opened = CutoutSet.open(tmp_path / "sky")
    assert opened.catalogue.index.map(type).unique().tolist() == [str]
    for object_id in opened.object_ids[[9, 8, 0]]:
        assert burned_id(opened.select([object_id]).images[0]) == object_id
    assert [burned_id(image) for image in opened.select(opened.object_ids[::-1]).images[:]] == list(
        opened.object_ids[::-1]
    )


def test_images_are_zarr_3_with_a_chunk_an_object(make_sky, tmp_path):
    make_sky().save(tmp_path / "sky")
    images = zarr.open_group(tmp_path / "sky" / "images.zarr", mode="r")["images"]
    assert images.metadata.zarr_format == 3
    assert images.chunks == (1, 5, 16, 16)
    assert images.shards[0] * 5 * 16 * 16 * 4 == pytest.approx(64 * 2**20, rel=0.01)


def test_opening_and_selecting_read_no_pixel(make_sky, tmp_path):
    make_sky().save(tmp_path / "sky")
    for file in (tmp_path / "sky/images.zarr/images/c").rglob("*"):
        if file.is_file():
            file.write_bytes(b"these are no pixels")
    opened = CutoutSet.open(tmp_path / "sky")
    chosen = opened.select(opened.object_ids[::2])
    assert chosen.images.shape == (6, 5, 16, 16)
    with pytest.raises(Exception, match=r".+"):
        chosen.images[0]


def test_nothing_is_overwritten(make_sky, tmp_path):
    make_sky(3).save(tmp_path / "sky")
    before = contents(tmp_path / "sky")
    with pytest.raises(FileExistsError, match=r"path: expected a new folder, got .*sky, which exists\. Append, or"):
        make_sky(4).save(tmp_path / "sky")
    assert contents(tmp_path / "sky") == before


def test_what_holds_no_set_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("empty", "nowhere"):
        with pytest.raises(FileNotFoundError, match=r"path: expected a folder with a saved sky.*galviz mock"):
            CutoutSet.open(tmp_path / name)


def test_a_set_of_another_format_is_refused(make_sky, tmp_path):
    make_sky(3).save(tmp_path / "sky")
    file = tmp_path / "sky/galviz.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 99}))
    with pytest.raises(ValueError, match="expected a sky of format 1, got 99"):
        CutoutSet.open(tmp_path / "sky")
    file.write_text("{")
    with pytest.raises(ValueError, match=r"galviz\.json: expected JSON"):
        CutoutSet.open(tmp_path / "sky")


def test_an_interrupted_save_leaves_nothing(make_sky, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(storage, "write_json", interrupt)
    with pytest.raises(KeyboardInterrupt):
        make_sky().save(tmp_path / "skies/sky")
    assert list((tmp_path / "skies").iterdir()) == []


@pytest.mark.parametrize("where", ["zarr.storage._local._put", "pandas.DataFrame.to_parquet"])
def test_a_full_disk_is_said_and_leaves_nothing(make_sky, tmp_path, monkeypatch, where):
    sky = make_sky()
    monkeypatch.setattr(where, full_disk)
    with pytest.raises(OSError, match=r"skies/sky: expected room on the disk, got none left\. Free some") as caught:
        sky.save(tmp_path / "skies/sky")
    assert caught.value.errno == errno.ENOSPC
    assert list((tmp_path / "skies").iterdir()) == []


@pytest.mark.parametrize(
    "where", ["zarr.storage._local._put", "pandas.DataFrame.to_parquet", "pathlib.Path.write_text"]
)
def test_a_full_disk_leaves_the_old_set_when_appending(make_sky, tmp_path, where):
    old, more = rich_sky(make_sky), rich_sky(make_sky, 3, first=7000000000000000001)
    old.save(tmp_path / "sky")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(where, full_disk)
        with pytest.raises(OSError, match=r"sky.*: expected room on the disk, got none left"):
            CutoutSet.append(tmp_path / "sky", more)
    check_same(CutoutSet.open(tmp_path / "sky"), old)
    CutoutSet.append(tmp_path / "sky", more)
    assert CutoutSet.open(tmp_path / "sky").object_ids.tolist() == [*old.object_ids, *more.object_ids]


def test_an_interrupted_append_leaves_the_old_set_and_can_be_done_again(make_sky, tmp_path):
    old, first, second = (rich_sky(make_sky, 4, first=10**18 * k) for k in (1, 2, 3))
    old.save(tmp_path / "sky")

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "write_json", interrupt)
        with pytest.raises(KeyboardInterrupt):
            CutoutSet.append(tmp_path / "sky", first)
    check_same(CutoutSet.open(tmp_path / "sky"), old)
    CutoutSet.append(tmp_path / "sky", second)
    opened = CutoutSet.open(tmp_path / "sky")
    assert opened.object_ids.tolist() == [*old.object_ids, *second.object_ids]
    check_same(opened.select(old.object_ids), old)
    check_same(opened.select(second.object_ids), second)


def test_sources_of_an_interrupted_append_are_forgotten(make_sky, tmp_path):
    old, more = rich_sky(make_sky, 4), rich_sky(make_sky, 4, first=2 * 10**18)
    old.save(tmp_path / "sky")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "write_json", full_disk)
        with pytest.raises(OSError, match="expected room"):
            CutoutSet.append(tmp_path / "sky", more)
    CutoutSet.append(tmp_path / "sky", rich_sky(make_sky, 3, first=3 * 10**18, with_sources=False))
    opened = CutoutSet.open(tmp_path / "sky")
    assert set(opened.sources["object_id"]) == set(old.object_ids)


def test_a_reader_sees_its_set_while_another_appends(make_sky, burned_id, tmp_path):
    make_sky(4).save(tmp_path / "sky")
    reader = CutoutSet.open(tmp_path / "sky")
    CutoutSet.append(tmp_path / "sky", make_sky(3, 2 * 10**18))
    assert len(reader) == 4
    assert [burned_id(image) for image in reader.images[:]] == list(reader.object_ids)
    assert len(CutoutSet.open(tmp_path / "sky")) == 7


def test_coordinates_of_some_are_kept(make_sky, tmp_path):
    rich, plain = rich_sky(make_sky, 4), make_sky(3, 2 * 10**18, size=8, coverage=True)
    rich.save(tmp_path / "sky")
    with pytest.raises(ValueError, match=r"more: expected .*wcs"):
        CutoutSet.append(tmp_path / "sky", plain)
    assert CutoutSet.open(tmp_path / "sky").wcs is not None


def test_what_does_not_fit_is_not_appended(make_sky, tmp_path):
    sky = make_sky(4)
    sky.save(tmp_path / "sky")
    before = contents(tmp_path / "sky")
    same = {"catalogue": sky.catalogue, "pixel_scale": 0.396, "images": sky.images}
    others = {
        "bands": CutoutSet(**same, bands=("g", "r", "i", "z", "y"), unit="nanomaggy"),
        "unit": CutoutSet(**same, bands=sky.bands, unit="display"),
        "shape": make_sky(4, size=12),
        "coverage": make_sky(4, coverage=True),
    }
    for more in others.values():
        with pytest.raises(ValueError, match=re.escape("more: expected (bands, unit, shape, coverage, wcs)")):
            CutoutSet.append(tmp_path / "sky", more)
    with pytest.raises(ValueError, match=rf"object_id: expected ids that are not in .*got '{sky.object_ids[0]}'"):
        CutoutSet.append(tmp_path / "sky", make_sky(2))
    with pytest.raises(FileNotFoundError, match="expected a folder with a saved sky"):
        CutoutSet.append(tmp_path / "nowhere", sky)
    assert contents(tmp_path / "sky") == before


def test_a_set_cannot_be_appended_to_itself(make_sky, tmp_path):
    make_sky(4).save(tmp_path / "sky")
    with pytest.raises(ValueError, match="expected ids that are not in"):
        CutoutSet.append(tmp_path / "sky", CutoutSet.open(tmp_path / "sky"))


def test_a_subset_of_an_opened_set_can_be_saved(make_sky, tmp_path):
    sky = rich_sky(make_sky)
    sky.save(tmp_path / "all")
    opened = CutoutSet.open(tmp_path / "all")
    opened.select(opened.object_ids[[4, 1]]).save(tmp_path / "two")
    check_same(CutoutSet.open(tmp_path / "two"), sky.select(sky.object_ids[[4, 1]]))


def pictures_of(make_sky, rows=6, first=1237658493878337640, levels=255):
    """Give a set of pictures: whole numbers of one byte, or the same as floats."""
    sky, rng = make_sky(rows, first), np.random.default_rng(rows)
    store = rng.integers(0, 256, (rows, 3, 8, 8), dtype=np.uint8)
    return CutoutSet(
        images=LazyRows(store, levels=levels) if levels else (store / np.float32(255)).astype(np.float32),
        bands=("red", "green", "blue"),
        catalogue=sky.catalogue,
        pixel_scale=0.4,
        unit="display",
    )


def test_pictures_stay_bytes_and_are_read_as_floats(make_sky, tmp_path):
    sky = pictures_of(make_sky)
    sky.save(tmp_path / "sky")
    CutoutSet.append(tmp_path / "sky", pictures_of(make_sky, 3, 2 * 10**18))
    opened = CutoutSet.open(tmp_path / "sky")
    assert zarr.open_group(tmp_path / "sky/images.zarr", mode="r")["images"].dtype == np.uint8
    check_same(opened.select(sky.object_ids), sky)
    assert opened.images.dtype == opened.images[3].dtype == np.float32
    np.testing.assert_array_equal(opened.images.raw[:6], sky.images.raw[:])
    np.testing.assert_allclose(opened.images[:6] * 255, sky.images.raw[:], atol=1e-4)
    back = opened.select(opened.object_ids[::-1])
    np.testing.assert_array_equal(back.images[0], opened.images[8])
    back.save(tmp_path / "back")
    np.testing.assert_array_equal(CutoutSet.open(tmp_path / "back").images.raw[:], opened.images.raw[::-1])


def test_bytes_and_floats_are_not_mixed(make_sky, tmp_path):
    for had, given_, words in (
        (255, None, "of 255 levels .* got float32"),
        (None, 255, "of float32 levels .* got 255"),
    ):
        pictures_of(make_sky, levels=had).save(tmp_path / f"sky{had}")
        with pytest.raises(ValueError, match=rf"more: expected images {words}"):
            CutoutSet.append(tmp_path / f"sky{had}", pictures_of(make_sky, 2, 2 * 10**18, levels=given_))


def test_bytes_without_a_word_are_refused(make_sky):
    sky = make_sky(3)
    with pytest.raises(ValueError, match="images: expected float32"):
        CutoutSet(
            images=np.zeros((3, 3, 8, 8), np.uint8), bands=("r", "g", "b"), catalogue=sky.catalogue, pixel_scale=1,
            unit="display",
        )  # fmt: skip
