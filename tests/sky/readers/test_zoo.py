import io
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from galviz.sky.cutouts import CutoutSet
from galviz.sky.galaxy_zoo import COLUMNS, SLICES, conditional, cumulative, votes_of
from galviz.sky.readers import zoo
from galviz.sky.readers.pictures import middle, pictures
from galviz.sky.readers.writing import write_pictures

IDS = ["100008", "100023", "100053"]


def votes(rows, seed=0):
    rng = np.random.default_rng(seed)
    own = np.empty((rows, 37))
    for part in SLICES:
        own[:, part] = rng.dirichlet(np.ones(part.stop - part.start), rows)
    return cumulative(own)


def noise(side, seed):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def encoded(pixels, kind="PNG"):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


@pytest.fixture
def challenge(tmp_path):
    """The files of Kaggle's challenge, with three galaxies; PNG inside .jpg names, so that pixels are known."""
    folder = tmp_path / "kaggle"
    for part in ("training", "test"):
        (folder / f"images_{part}_rev1").mkdir(parents=True)
        for k, name in enumerate(IDS):
            (folder / f"images_{part}_rev1" / f"{name}.jpg").write_bytes(encoded(noise(60, k)))
    table = pd.DataFrame(votes(3).round(6), columns=COLUMNS)
    table.insert(0, "GalaxyID", [int(name) for name in IDS])
    table.to_csv(folder / "training_solutions_rev1.csv", index=False)
    return folder


def test_kaggles_files_become_a_sky(challenge, tmp_path):
    seen = []
    found = zoo.kaggle(challenge)
    bad = write_pictures(tmp_path / "sky", found, crop=30, size=10, progress=lambda *now: seen.append(now))
    sky = CutoutSet.open(tmp_path / "sky")
    assert bad == {}
    assert seen[-1] == (3, 3)
    assert sky.object_ids.tolist() == IDS
    assert (sky.unit, sky.bands, sky.origin) == ("display", ("red", "green", "blue"), "Galaxy Zoo 2 (Kaggle)")
    np.testing.assert_allclose(votes_of(sky.catalogue), votes(3), atol=1e-6)
    for k in range(3):  # each pixel is the mean of 3 × 3 of the middle 30, and row 0 is at the bottom
        cut = noise(60, k)[15:45, 15:45].astype(float).reshape(10, 3, 10, 3, 3).mean(axis=(1, 3))
        np.testing.assert_allclose(sky.images[k], cut.transpose(2, 0, 1)[:, ::-1] / 255, atol=1.01 / 255)


def test_the_usual_crop_is_three_times_68():
    assert zoo.KAGGLE_CROP == 3 * 68


def test_pixels_take_one_byte_on_disk_and_are_floats_when_read(challenge, tmp_path):
    write_pictures(tmp_path / "sky", zoo.kaggle(challenge), crop=30, size=10)
    sky = CutoutSet.open(tmp_path / "sky")
    assert sky.images.dtype == np.float32
    assert 0 <= sky.images[:].min() < 0.3
    assert 0.7 < sky.images[:].max() <= 1
    assert sky.images.raw.dtype == np.uint8
    np.testing.assert_array_equal(sky.images.raw[:], np.round(sky.images[:] * 255))


def test_the_test_images_have_no_votes(challenge):
    found = zoo.kaggle(challenge, "test")
    assert list(found.catalogue.index) == IDS
    assert found.catalogue.columns.empty
    with pytest.raises(ValueError, match="part: expected training or test"):
        zoo.kaggle(challenge, "all")


def test_votes_that_break_the_tree_are_refused(challenge):
    file = challenge / "training_solutions_rev1.csv"
    table = pd.read_csv(file)
    table.loc[1, "Class7.2"] += 0.2
    table.to_csv(file, index=False)
    with pytest.raises(ValueError, match=r"expected the votes of question 7 of 100023 to sum to"):
        zoo.kaggle(challenge)


def test_a_bad_picture_is_named_and_left_out_on_request(challenge, tmp_path):
    bad = challenge / "images_training_rev1" / "100023.jpg"
    bad.write_bytes(bad.read_bytes()[:300])
    found = zoo.kaggle(challenge)
    with pytest.raises(ValueError, match=r"images: 100023: .*100023\.jpg, which cannot be read"):
        write_pictures(tmp_path / "sky", found, crop=30, size=10)
    assert sorted(p.name for p in tmp_path.iterdir() if "sky" in p.name) == []
    left_out = write_pictures(tmp_path / "sky", found, crop=30, size=10, skip_bad=True)
    assert list(left_out) == ["100023"]
    assert "cannot be read" in left_out["100023"]
    sky = CutoutSet.open(tmp_path / "sky")
    assert sky.object_ids.tolist() == ["100008", "100053"]
    expected = middle(Image.fromarray(noise(60, 2)), 30, 10)
    np.testing.assert_array_equal(sky.images.raw[1], expected)  # its own picture, not its neighbour's


def test_pictures_smaller_than_the_crop_are_named(challenge, tmp_path):
    with pytest.raises(ValueError, match=r"images: 100008: crop: expected at most 60 pixels of this picture, got 204"):
        write_pictures(tmp_path / "sky", zoo.kaggle(challenge))
    with pytest.raises(ValueError, match="expected pictures that can be read, got none of 3"):
        write_pictures(tmp_path / "sky", zoo.kaggle(challenge), skip_bad=True)
    with pytest.raises(FileExistsError, match="path: expected a new folder"):
        write_pictures(tmp_path, zoo.kaggle(challenge))


def test_parts_and_batches_give_the_whole(challenge, tmp_path, monkeypatch):
    write_pictures(tmp_path / "one", zoo.kaggle(challenge), crop=30, size=10)
    monkeypatch.setattr("galviz.sky.readers.writing._PART", 2)
    monkeypatch.setattr("galviz.sky.readers.writing._BATCH", 1)
    write_pictures(tmp_path / "two", zoo.kaggle(challenge), crop=30, size=10)
    one, two = CutoutSet.open(tmp_path / "one"), CutoutSet.open(tmp_path / "two")
    assert one.fingerprint == two.fingerprint


@pytest.mark.slow
def test_several_processes_give_the_same(challenge, tmp_path):
    write_pictures(tmp_path / "one", zoo.kaggle(challenge), crop=30, size=10)
    write_pictures(tmp_path / "two", zoo.kaggle(challenge), crop=30, size=10, workers=2)
    assert CutoutSet.open(tmp_path / "one").fingerprint == CutoutSet.open(tmp_path / "two").fingerprint


def test_a_folder_of_pictures_as_it_is_and_small(challenge):
    folder = challenge / "images_training_rev1"
    whole, small = pictures(folder, pixel_scale=0.4), pictures(folder, pixel_scale=0.4, crop=30, size=10)
    assert whole.images.shape == (3, 3, 60, 60)
    assert small.images.shape == (3, 3, 10, 10)
    assert small.pixel_scale[0] == pytest.approx(1.2)
    np.testing.assert_array_equal(whole.images.raw[1], noise(60, 1).transpose(2, 0, 1)[:, ::-1])
    np.testing.assert_array_equal(small.images.raw[1], middle(Image.fromarray(noise(60, 1)), 30, 10))
    table = pd.DataFrame({"z": [0.1, 0.2]}, index=pd.Index(["100053", "1"], name="object_id"))
    assert list(zoo.folder_of_pictures(folder, table).catalogue.index) == ["100053"]
    with pytest.raises(ValueError, match=r"expected pictures named by object_id, such as 1\.jpg"):
        zoo.folder_of_pictures(folder, table.loc[["1"]])


# The schema of mwalmsley/gz2: counts (int32), fractions (float32) and totals, some columns shown here.


def of_hugging_face(rows=4, suffix="-gz2"):
    own, columns = conditional(votes(rows)), {}
    own[0, :3] = 1, 0, 0  # nobody is asked about bars
    truth = cumulative(own)
    own = conditional(truth)
    for k, (question, answers) in zoo._THEIRS.items():
        for n, answer in enumerate(answers):
            columns[f"{question}{suffix}_{answer}"] = np.arange(rows, dtype=np.int32)
            columns[f"{question}{suffix}_{answer}_fraction"] = own[:, SLICES[k - 1].start + n].astype(np.float32)
        columns[f"{question}{suffix}_total-votes"] = np.full(rows, 40, dtype=np.int32)
    images = [{"bytes": encoded(noise(24, k)), "path": f"{k}.jpg"} for k in range(rows)]
    about = {"image": images, "id_str": [f"5877226369085{k:05d}" for k in range(rows)], "ra": np.linspace(0, 9, rows)}
    return truth, pa.table(about | columns)


def test_hugging_faces_parquet_becomes_a_sky(tmp_path):
    truth, table = of_hugging_face()
    (tmp_path / "gz2" / "data").mkdir(parents=True)
    pq.write_table(table.slice(0, 3), tmp_path / "gz2/data/train-00000-of-00002.parquet", row_group_size=2)
    pq.write_table(table.slice(3), tmp_path / "gz2/data/train-00001-of-00002.parquet")
    found = zoo.hugging_face(tmp_path / "gz2")
    assert found.crop == 204
    write_pictures(tmp_path / "sky", found, crop=0, size=8)
    sky = CutoutSet.open(tmp_path / "sky")
    assert sky.object_ids.tolist() == table["id_str"].to_pylist()
    assert set(sky.catalogue.columns) == {*COLUMNS, "ra"}
    for k in range(4):
        np.testing.assert_array_equal(sky.images.raw[k], middle(Image.fromarray(noise(24, k)), 0, 8))
    read, eighth = votes_of(sky.catalogue), SLICES[7]
    assert np.isnan(read[:, eighth]).all()  # what they do not publish is not known
    others = np.delete(np.arange(37), np.arange(37)[eighth])
    np.testing.assert_allclose(read[:, others], truth[:, others], atol=1e-5)


def test_bulge_sizes_are_turned_round():
    """dominant, obvious, just noticeable, no is their order; 5.1 none … 5.4 dominant is Kaggle's."""
    _, table = of_hugging_face(suffix="")
    read = zoo._with_votes(table.to_pandas().drop(columns=["image"]))
    dominant = table["bulge-size_dominant_fraction"].to_numpy()
    none = table["bulge-size_no_fraction"].to_numpy()
    np.testing.assert_allclose(read["Class5.4"], np.nan_to_num(read["Class2.2"] * dominant), atol=1e-6)
    np.testing.assert_allclose(read["Class5.1"], np.nan_to_num(read["Class2.2"] * none), atol=1e-6)
    assert len({f"{q}_{a}" for q, answers in zoo._THEIRS.values() for a in answers}) == 30


@pytest.mark.slow
def test_what_datasets_saved_to_disk(tmp_path):
    datasets = pytest.importorskip("datasets")
    truth, table = of_hugging_face()
    content = table.to_pydict()
    saved = datasets.Dataset.from_dict(content).cast_column("image", datasets.Image())
    saved.save_to_disk(str(tmp_path / "gz2"))
    found = zoo.hugging_face(tmp_path / "gz2")
    assert list(found.catalogue.index) == content["id_str"]
    np.testing.assert_allclose(found.catalogue["Class1.1"], truth[:, 0], atol=1e-6)
    write_pictures(tmp_path / "sky", found, crop=12, size=4)
    np.testing.assert_array_equal(
        CutoutSet.open(tmp_path / "sky").images.raw[2], middle(Image.fromarray(noise(24, 2)), 12, 4)
    )


def test_a_data_set_without_votes_or_images(tmp_path):
    pq.write_table(pa.table({"id_str": ["1"], "label": [0]}), tmp_path / "other.parquet")
    with pytest.raises(ValueError, match=r"path: expected columns image and id_str, got id_str, label"):
        zoo.hugging_face(tmp_path / "other.parquet")
    with pytest.raises(ValueError, match=re.escape("expected .arrow or .parquet files in")):
        zoo.hugging_face(tmp_path / "nowhere")


def test_galaxy10(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "galaxy10.h5", "w") as file:
        file["images"] = np.stack([noise(24, k) for k in range(3)])
        file["ans"] = np.array([1, 9, 0], dtype=np.uint8)
        file["ra"], file["dec"] = np.array([10.0, 11, 12]), np.zeros(3)
        file["redshift"], file["pxscale"] = np.array([0.1, np.nan, 0.2]), np.array([0.262, 0.262, 0.524])
    found = zoo.galaxy10(tmp_path / "galaxy10.h5")
    write_pictures(tmp_path / "sky", found, size=8)
    sky = CutoutSet.open(tmp_path / "sky")
    assert sky.catalogue["class"].tolist() == ["merging", "edge-on with bulge", "disturbed"]
    assert sky.catalogue["is_merger"].tolist() == [True, False, False]
    np.testing.assert_allclose(sky.pixel_scale, [0.786, 0.786, 1.572])
    np.testing.assert_array_equal(sky.images.raw[2], middle(Image.fromarray(noise(24, 2)), 0, 8))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["ans"] = np.zeros(1)
    with pytest.raises(ValueError, match=r"expected data sets images and ans in .*other\.h5, got ans"):
        zoo.galaxy10(tmp_path / "other.h5")


def test_real_pictures(real_data, tmp_path):
    """800 Galaxy Zoo 2 pictures of 424 pixels: the galaxy is in the middle, and the crop keeps it."""
    folder = real_data / "galaxyzoo2_svl"
    table = pd.read_csv(folder / "catalog.csv", dtype={"object_id": str}).set_index("object_id").iloc[:20]
    write_pictures(tmp_path / "sky", zoo.folder_of_pictures(folder / "images", table), crop=zoo.KAGGLE_CROP)
    sky = CutoutSet.open(tmp_path / "sky")
    assert sky.images.shape == (20, 3, 68, 68)
    bright = sky.images[:].mean(axis=(0, 1))
    assert bright[24:44, 24:44].mean() > 3 * bright[:8].mean()


def test_pictures_that_cannot_be_read_are_named_and_take_no_others_with_them(tmp_path):
    for k, name in enumerate("abcd"):
        (tmp_path / f"{name}.jpg").write_bytes(encoded(noise(30, k), "JPEG"))
    whole = pictures(tmp_path).images[:]
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    (tmp_path / "c.jpg").write_bytes(encoded(noise(30, 2), "JPEG")[:300])
    with pytest.raises(ValueError, match=r"got .*a\.jpg, which cannot be read"):
        pictures(tmp_path)
    heard = []
    found = pictures(tmp_path, broken=lambda *received: heard.append(received))
    assert heard == []
    covered = found.coverage[np.array([3, 2])]  # asked for without the images, and in any order
    assert covered.all(axis=(1, 2, 3)).tolist() == [True, False]
    images = found.images[:]
    np.testing.assert_array_equal(images[[1, 3]], whole[[1, 3]])
    assert not images[[0, 2]].any()
    np.testing.assert_array_equal(found.coverage[:].all(axis=(1, 2, 3)), [False, True, False, True])
    assert [name for name, _ in heard] == ["c", "a"]  # each once
    assert "Truncated" in heard[0][1]
    (tmp_path / "b.jpg").unlink()
    (tmp_path / "d.jpg").unlink()
    with pytest.raises(ValueError, match=r"got .*c\.jpg|got .*a\.jpg"):
        pictures(tmp_path, broken=print).images[:1]
