"""A sky that is damaged on disk is an error that names the part: never zeros, never another sky's pixels."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import zarr

from galviz.io.files import read_parquet, write_parquet
from galviz.sky import storage
from galviz.sky.cutouts import CutoutSet


@pytest.fixture(scope="module")
def stored(tmp_path_factory, make_sky):
    """A sky of 12 objects in shards of 4."""
    path = tmp_path_factory.mktemp("stored") / "sky"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "_SHARD_BYTES", 4 * 4 * 5 * 16 * 16)
        make_sky(coverage=True).save(path)
    return path


@pytest.fixture
def sky(stored, tmp_path):
    return shutil.copytree(stored, tmp_path / "sky")


def shard(sky, number, name="images"):
    return sky / "images.zarr" / name / "c" / str(number) / "0/0/0"


def old(sky):
    """Turn a sky into one of the time before checksums."""
    about = json.loads((sky / "galviz.json").read_text())
    about.pop("checksums")
    arrays = {name: zarr.open_array(sky / "images.zarr" / name)[:] for name in ("images", "coverage")}
    shutil.rmtree(sky / "images.zarr")
    group = zarr.create_group(sky / "images.zarr", zarr_format=3)
    for name, values in arrays.items():
        layout = {"chunks": (1, *values.shape[1:]), "shards": (4, *values.shape[1:])}
        group.create_array(name, shape=values.shape, dtype=values.dtype, **layout)[:] = values
    (sky / "galviz.json").write_text(json.dumps(about))


def test_a_missing_shard_is_named(sky):
    shard(sky, 1).unlink()
    images = CutoutSet.open(sky).images
    assert np.isfinite(images[0:4]).all()
    for rows in (slice(None), 5, np.array([0, 7])):
        with pytest.raises(ValueError, match=r"sky: expected a whole sky with its images, got .*no file c/1/0/0/0"):
            images[rows]


def test_a_missing_shard_of_the_coverage_is_named(sky):
    shard(sky, 2, "coverage").unlink()
    with pytest.raises(ValueError, match="expected a whole sky with its coverage"):
        CutoutSet.open(sky).coverage[:]


@pytest.mark.parametrize("part", np.linspace(0, 0.999, 12))
def test_a_flipped_byte_is_named(sky, part):
    content = bytearray(shard(sky, 1).read_bytes())
    content[int(part * len(content))] ^= 4
    shard(sky, 1).write_bytes(content)
    with pytest.raises(ValueError, match="sky: expected a whole sky with its images, got a damaged one"):
        CutoutSet.open(sky).images[4:8]


def test_a_truncated_shard_is_named(sky):
    shard(sky, 0).write_bytes(shard(sky, 0).read_bytes()[:-100])
    with pytest.raises(ValueError, match="sky: expected a whole sky with its images"):
        CutoutSet.open(sky).images[0]


def test_images_that_are_all_zero_are_stored_and_read(make_sky, tmp_path):
    sky = make_sky(3)
    black = CutoutSet(
        images=np.zeros((3, 5, 8, 8), np.float32),
        bands=sky.bands,
        catalogue=sky.catalogue,
        pixel_scale=1.0,
        unit="display",
        coverage=np.zeros((3, 5, 8, 8), bool),
    )
    black.save(tmp_path / "black")
    assert not CutoutSet.open(tmp_path / "black").images[:].any()
    assert not CutoutSet.open(tmp_path / "black").coverage[:].any()


def test_fewer_images_than_objects_are_refused(sky):
    zarr.open_array(sky / "images.zarr/images", mode="r+").resize((8, 5, 16, 16))
    with pytest.raises(
        ValueError, match=r"expected a whole sky with its images.*shape \(8, 5, 16, 16\) in place of float32 or uint8"
    ):
        CutoutSet.open(sky)


def test_another_number_of_bands_is_refused(sky):
    about = json.loads((sky / "galviz.json").read_text())
    (sky / "galviz.json").write_text(json.dumps(about | {"bands": ["g", "r", "i"]}))
    with pytest.raises(ValueError, match="of 12 objects in 3 bands"):
        CutoutSet.open(sky)


def test_a_catalogue_of_another_length_is_refused(sky):
    file = sky / "catalogue-00000.parquet"
    write_parquet(read_parquet(file).iloc[:5], file)
    with pytest.raises(ValueError, match=r"catalogue-00000\.parquet: expected 12 rows, got 5"):
        CutoutSet.open(sky)


def test_geometry_of_other_objects_is_refused(sky):
    file = sky / "geometry-00000.parquet"
    table = read_parquet(file)
    write_parquet(table.set_axis(table.index[::-1]), file)
    with pytest.raises(ValueError, match="expected geometry of the objects in the catalogue"):
        CutoutSet.open(sky)


@pytest.mark.parametrize("part", np.linspace(0.01, 0.99, 9))
def test_a_flipped_byte_in_a_table_is_named_or_changes_nothing(sky, part):
    file = sky / "catalogue-00000.parquet"
    before, content = read_parquet(file), bytearray(file.read_bytes())
    content[int(part * len(content))] ^= 16
    file.write_bytes(content)
    try:
        after = read_parquet(file)
    except ValueError as error:
        assert str(error).startswith(f"{file}: expected a whole Parquet file")  # noqa: PT017 - either is right
    else:
        assert np.array_equal(after.to_numpy(), before.to_numpy())


@pytest.mark.parametrize("name", ["bands", "parts", "unit", "coverage"])
@pytest.mark.parametrize("value", [None, 7, {"a": 1}, [[]]])
def test_a_damaged_description_is_named(sky, name, value):
    about = json.loads((sky / "galviz.json").read_text())
    (sky / "galviz.json").write_text(json.dumps(about | {name: value}))
    with pytest.raises(ValueError, match=rf"galviz\.json: expected {name} as galviz writes it"):
        CutoutSet.open(sky)


def test_deeply_nested_json_is_named(sky):
    (sky / "galviz.json").write_text('{"a":' + "[" * 100_000 + "]" * 100_000 + "}")
    with pytest.raises(ValueError, match=r"galviz\.json: expected JSON, got something else"):
        CutoutSet.open(sky)


def test_an_old_sky_without_checksums_opens(sky, stored):
    old(sky)
    np.testing.assert_array_equal(CutoutSet.open(sky).images[:], CutoutSet.open(stored).images[:])
    np.testing.assert_array_equal(CutoutSet.open(sky).coverage[[7, 2]], CutoutSet.open(stored).coverage[[7, 2]])


def test_an_old_sky_with_a_missing_shard_or_strange_pixels_is_named(sky):
    old(sky)
    zarr.open_array(sky / "images.zarr/images")[9, 0, 0, 0] = np.nan
    shard(sky, 0).unlink()
    images = CutoutSet.open(sky).images
    assert images[4:8].shape == (4, 5, 16, 16)
    with pytest.raises(ValueError, match="no file c/0/0/0/0"):
        images[0]
    with pytest.raises(ValueError, match="pixels that are not finite"):
        images[9]


def test_a_codec_that_skies_do_not_use_is_never_run(sky):
    file = sky / "images.zarr/images/zarr.json"
    content = json.loads(file.read_text())
    content["codecs"][0]["configuration"]["codecs"].append({"name": "numcodecs.delta", "configuration": {}})
    file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"got a damaged one .*codecs numcodecs\.delta\)"):
        CutoutSet.open(sky)


@pytest.mark.parametrize("name", ["images.zarr", "catalogue-00000.parquet", "galviz.json"])
def test_a_part_that_is_a_link_to_elsewhere_is_refused(sky, tmp_path, name):
    (sky / name).rename(tmp_path / "elsewhere")
    (sky / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="which lies outside"):
        CutoutSet.open(sky)


def test_a_shard_that_is_a_link_to_elsewhere_is_refused(sky, tmp_path):
    shard(sky, 0).rename(tmp_path / "elsewhere")
    shard(sky, 0).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="which lies outside"):
        CutoutSet.open(sky).images[0]


def test_a_folder_named_like_a_partition_adds_no_column(make_sky, tmp_path):
    make_sky(3).save(tmp_path / "field=3" / "sky")
    assert list(CutoutSet.open(tmp_path / "field=3" / "sky").catalogue) == ["richness", "z"]


def test_a_sky_may_itself_be_reached_by_a_link(sky, tmp_path):
    (tmp_path / "link").symlink_to(sky)
    assert isinstance(CutoutSet.open(tmp_path / "link").images[:], np.ndarray)
    assert isinstance(CutoutSet.open(tmp_path / "link").catalogue, pd.DataFrame)


def test_sources_that_are_missing_are_named(sky, tmp_path):
    whole = CutoutSet.open(sky)
    sources = pd.DataFrame({"object_id": whole.object_ids[:2], "x": 1.0, "y": 2.0, "kind": "star"})
    named = CutoutSet(
        images=whole.images[:],
        bands=whole.bands,
        catalogue=whole.catalogue,
        pixel_scale=1.0,
        unit=whole.unit,
        sources=sources,
    )
    named.save(tmp_path / "named")
    CutoutSet.append(tmp_path / "named", CutoutSet.open(tmp_path / "named").select([]))
    assert len(CutoutSet.open(tmp_path / "named").sources) == 2
    (tmp_path / "named" / "sources-00000.parquet").unlink()
    with pytest.raises(FileNotFoundError, match=r"sources-00000\.parquet"):
        CutoutSet.open(tmp_path / "named")
