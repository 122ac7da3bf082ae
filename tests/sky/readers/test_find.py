"""Any images at a path become a sky: each kind of file, its bands, its coordinates, its table."""

import io
import os
import threading
import zipfile
from functools import partial

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr
from astropy.io import fits
from astropy.wcs import WCS
from PIL import Image

from galviz.sky.cutouts import CutoutSet
from galviz.sky.opening import open_any_images
from galviz.sky.readers import fits_images
from galviz.sky.rejected import rejected

RNG = np.random.default_rng(3)
SIDE = 12


def cube(bands, seed=0, side=SIDE):
    return np.random.default_rng(seed).normal(5, 2, (bands, side, side)).astype(np.float32)


def plane(ra=150.0, dec=2.0, side=SIDE):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [ra, dec], [(side + 1) / 2] * 2
    wcs.wcs.cdelt = [-0.2 / 3600, 0.2 / 3600]
    return wcs.to_header()


def write(path, pixels, **cards):
    header = plane()
    header.update(cards)
    fits.PrimaryHDU(pixels, header).writeto(path)
    return path


@pytest.fixture
def opened(tmp_path):
    """Open what is in a folder; the sky and what was reported."""

    def read(path, *table, **more):
        reports = []
        out = tmp_path / f"sky{len(list(tmp_path.iterdir()))}"
        return open_any_images(path, *table, out=out, report=reports.append, workers=1, **more), reports

    return read


@pytest.fixture
def given(tmp_path):
    (tmp_path / "given").mkdir()
    return tmp_path / "given"


@pytest.mark.parametrize("bands", [1, 3, 7])
def test_fits_cubes_of_any_number_of_bands(given, opened, bands):
    for k in range(3):
        write(given / f"g{k}.fits", cube(bands, k), BUNIT="nanomaggy")
    sky, reports = opened(given)
    assert sky.images.shape == (3, bands, SIDE, SIDE)
    assert (sky.unit, sky.object_ids.tolist()) == ("nanomaggy", ["g0", "g1", "g2"])
    assert sky.bands == tuple(f"band{k}" for k in range(1, bands + 1))
    assert any("do not name" in one for one in reports)
    np.testing.assert_array_equal(sky.images[2], cube(bands, 2))


def test_an_image_of_two_axes_is_one_band_named_by_its_filter(given, opened):
    write(given / "a.fits", cube(1)[0], FILTER="F814W")
    sky, reports = opened(given)
    assert (sky.bands, sky.unit) == (("F814W",), "flux")
    assert "the unit of the pixels is not known" in " ".join(reports)


def test_coordinates_are_kept_also_where_the_middle_is_cut_and_shrunk(given, opened):
    write(given / "a.fits", cube(2), BANDS="gr", BUNIT="nanomaggy")
    whole, _ = opened(given)
    small, _ = opened(given, crop=8, size=4)
    assert whole.bands == ("g", "r")
    np.testing.assert_allclose(whole.pixel_scale, 0.2)
    np.testing.assert_allclose(whole.catalogue[["ra", "dec"]].to_numpy()[0], [150, 2])
    np.testing.assert_allclose(small.pixel_scale, 0.4)
    for x, y in ((0, 0), (3, 1)):  # the middle of a small pixel is the corner of four of the whole
        there = small.wcs_of("a").wcs_pix2world(x, y, 0)
        np.testing.assert_allclose(whole.wcs_of("a").wcs_pix2world(2 * x + 2.5, 2 * y + 2.5, 0), there)
    np.testing.assert_allclose(small.images[:].sum((2, 3)), cube(2)[None, :, 2:10, 2:10].sum((2, 3)), rtol=1e-5)


def test_another_projection_becomes_the_tangent_plane_of_its_middle(given, opened):
    header = plane()
    header["CTYPE1"], header["CTYPE2"], header["CRPIX1"] = "GLON-SIN", "GLAT-SIN", 400.0
    fits.PrimaryHDU(cube(1)[0], header).writeto(given / "a.fits")
    sky, _ = opened(given)
    place, true = sky.wcs_of("a").pixel_to_world(3, 8), WCS(header).pixel_to_world(3, 8).icrs
    assert place.separation(true).arcsec < 1e-3


def test_nan_is_not_covered_and_is_said(given, opened):
    pixels = cube(2)
    pixels[1, 3, 4] = np.nan
    write(given / "a.fits", cube(2, 1))
    write(given / "b.fits", pixels)
    sky, reports = opened(given)
    assert any(one.startswith("1 of 2 cutouts have pixels that are NaN") for one in reports)
    assert sky.coverage[0].all()
    assert np.argwhere(~sky.coverage[1]).tolist() == [[1, 3, 4]]
    assert sky.images[1][1, 3, 4] == 0
    shrunk, _ = opened(given, size=6)
    assert np.argwhere(~shrunk.coverage[1]).tolist() == [[1, 1, 2]]


def test_a_cutout_of_nan_alone_is_rejected(given, opened, tmp_path):
    write(given / "a.fits", cube(2))
    write(given / "b.fits", np.full((2, SIDE, SIDE), np.nan, np.float32))
    with pytest.raises(ValueError, match="images: b: images: expected pixels with a value, got NaN alone"):
        opened(given)
    sky, _ = opened(given, skip_bad=True)
    assert sky.object_ids.tolist() == ["a"]


def test_bands_as_extensions_without_what_lies_beside_them(given, opened):
    header = plane()
    images = [fits.ImageHDU(cube(1, k)[0], header, name=name) for k, name in enumerate(["G", "R", "R_INVVAR", "MASK"])]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(given / "a.fits")
    sky, reports = opened(given)
    assert sky.bands == ("G", "R")
    np.testing.assert_array_equal(sky.images[0], np.concatenate([cube(1, 0), cube(1, 1)]))
    assert "not used: MASK, R_INVVAR" in reports
    assert sky.wcs is not None


def test_a_file_per_band(given, opened):
    for k, name in enumerate("ab"):
        for n, band in enumerate("rgz"):
            write(given / f"{name}-{band}.fits", cube(1, 10 * k + n)[0])
    write(given / "c-r.fits", cube(1)[0])
    sky, reports = opened(given)
    assert (sky.bands, sky.object_ids.tolist()) == (("g", "r", "z"), ["a", "b"])
    np.testing.assert_array_equal(sky.images[1], np.concatenate([cube(1, 11), cube(1, 10), cube(1, 12)]))
    assert "a file a band: g r z" in reports


def test_compressed_files_and_a_stack(given, opened):
    image = fits.CompImageHDU(cube(1)[0].astype(np.int16), plane())
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(given / "a.fits.fz")
    write(given / "b.fits.gz", cube(1, 1)[0])
    sky, _ = opened(given)
    assert sky.object_ids.tolist() == ["a", "b"]
    np.testing.assert_array_equal(sky.images[1], cube(1, 1))
    (given / "stack").mkdir()
    fits.PrimaryHDU(np.stack([cube(3, k) for k in range(4)])).writeto(given / "stack" / "all.fits")
    sky, _ = opened(given / "stack" / "all.fits")
    assert sky.object_ids.tolist() == [f"all-0000{k}" for k in range(4)]
    np.testing.assert_array_equal(sky.images[3], cube(3, 3))


@pytest.mark.parametrize("coverage", [False, True])
def test_what_galviz_exports_comes_back(given, opened, make_sky, coverage):
    from galviz.io.provenance import provenance
    from galviz.sky import fits_cutouts

    sky = make_sky(4, coverage=coverage)
    with (given / "all.fits").open("wb") as out:
        fits_cutouts.write(sky, out, provenance(sky.object_ids))
    back, _ = opened(given)
    assert back.object_ids.tolist() == sky.object_ids.tolist()
    assert (back.bands, back.unit) == (sky.bands, sky.unit)
    np.testing.assert_array_equal(back.images[:], sky.images[:])
    if coverage:
        np.testing.assert_array_equal(back.coverage[:], sky.coverage[:])


def test_other_bands_among_the_files_are_an_error_or_rejected(given, opened, tmp_path):
    for k, bands in enumerate((3, 3, 1)):
        write(given / f"g{k}.fits", cube(bands))
    with pytest.raises(
        ValueError, match=r"bands: expected the same number of bands .*, got 3 \(g\d.fits\), 1 \(g\d.fits\)"
    ):
        opened(given)
    sky, _ = opened(given, skip_bad=True)
    assert sky.object_ids.tolist() == ["g0", "g1"]
    left = rejected(next(p for p in tmp_path.iterdir() if (p / "galviz.json").exists()))
    assert left["object_id"].tolist() == ["g2"]
    assert left["file"].str.endswith("g2.fits").all()
    assert "expected 3 bands" in left["reason"][0]


def test_files_of_other_sizes_become_the_size_of_most(given, opened):
    for k, side in enumerate((SIDE, SIDE, SIDE - 2, SIDE + 2)):
        write(given / f"g{k}.fits", cube(2, k, side))
    sky, reports = opened(given)
    assert sky.images.shape[2:] == (SIDE, SIDE)
    np.testing.assert_array_equal(sky.images[2][:, 1:-1, 1:-1], cube(2, 2, SIDE - 2))
    np.testing.assert_array_equal(sky.images[3], cube(2, 3, SIDE + 2)[:, 1:-1, 1:-1])
    assert not sky.coverage[2][:, 0].any()
    assert sky.coverage[3].all()
    assert any("2 of 4 cutouts have another size" in one for one in reports)


def test_names_of_the_bands_are_given(given, opened):
    write(given / "a.fits", cube(3))
    sky, _ = opened(given, bands=["g", "r", "i"], unit="nanomaggy")
    assert (sky.bands, sky.unit) == (("g", "r", "i"), "nanomaggy")
    with pytest.raises(ValueError, match="bands: expected 3 different names, got g, r"):
        opened(given, bands=["g", "r"])
    with pytest.raises(ValueError, match="unit: expected 'nanomaggy' or 'display', got 'Jy'"):
        opened(given, unit="Jy")


def damaged(path, how):
    content = path.read_bytes()
    if how == "cut short":
        path.write_bytes(content[: len(content) // 2])
    elif how == "no file":
        path.write_bytes(b"SIMPLE  =                    T" + b"x" * 3000)
    else:
        place = content.index(b"NAXIS1  =") + 10
        path.write_bytes(content[:place] + f"{10**9:>20}".encode() + content[place + 20 :])


def test_astropys_warnings_of_damage_are_errors_in_one_thread_at_a_time():
    """The filters of warnings are shared by all threads: one that leaves would switch off those of another."""
    inside, leave, entered = threading.Event(), threading.Event(), []

    def first():
        with fits_images._strict():
            inside.set()
            leave.wait(10)
            entered.append("first")

    def second():
        with fits_images._strict():
            entered.append("second")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert inside.wait(10)
    threads[1].start()
    threads[1].join(0.2)
    leave.set()
    for thread in threads:
        thread.join(10)
    assert entered == ["first", "second"]


@pytest.mark.parametrize("how", ["cut short", "no file", "absurd size"])
def test_a_damaged_fits_file_is_named_and_takes_no_others_along(given, opened, how):
    for k in range(3):
        write(given / f"g{k}.fits", cube(2, k))
    damaged(given / "g1.fits", how)
    with pytest.raises(ValueError, match=r"g1\.fits"):
        opened(given)
    sky, _ = opened(given, skip_bad=True)
    assert sky.object_ids.tolist() == ["g0", "g2"]
    np.testing.assert_array_equal(sky.images[1], cube(2, 2))


def test_a_wrong_checksum_is_damage(given, opened):
    fits.PrimaryHDU(cube(2)).writeto(given / "a.fits", checksum=True)
    content = bytearray((given / "a.fits").read_bytes())
    content[2880 + 100] ^= 1
    (given / "a.fits").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.fits.*hecksum"):
        opened(given)


def stored(kind, place, **arrays):
    if kind == "npz":
        np.savez_compressed(place / "all.npz", **arrays)
        return place / "all.npz"
    if kind == "hdf5":
        with h5py.File(place / "all.h5", "w") as file:
            for name, values in arrays.items():
                file[name] = values.astype("S") if values.dtype.kind == "U" else values
        return place / "all.h5"
    group = zarr.create_group(place / "all.zarr")
    for name, values in arrays.items():
        if values.dtype.kind != "U":
            group.create_array(name, data=values, chunks=(2, *values.shape[1:]))
    return place / "all.zarr"


@pytest.mark.parametrize("kind", ["npz", "hdf5", "zarr"])
@pytest.mark.parametrize("last", [False, True])
def test_arrays_of_many_objects_with_their_columns(given, opened, kind, last):
    images = np.stack([cube(4, k, 20) for k in range(5)])
    ids = np.array([1237648720693755918 + k for k in range(5)])
    arrays = {"images": images.transpose(0, 2, 3, 1) if last else images, "objid": ids, "z": np.linspace(0, 1, 5)}
    path = stored(kind, given, **arrays, filters=np.array(["g", "r", "i", "z"]), psf=np.ones((3, 3)))
    sky, _ = opened(given)
    assert sky.object_ids.tolist() == [str(one) for one in ids]
    assert sky.bands == (("g", "r", "i", "z") if kind != "zarr" else tuple(f"band{k}" for k in range(1, 5)))
    np.testing.assert_array_equal(sky.images[:], images)
    np.testing.assert_array_equal(sky.catalogue["z"], np.linspace(0, 1, 5))
    again, _ = opened(path)
    assert again.object_ids.tolist() == sky.object_ids.tolist()


@pytest.mark.parametrize("kind", ["npz", "hdf5", "zarr"])
def test_arrays_of_colour_pictures(given, opened, kind):
    pixels = RNG.integers(0, 256, (3, 20, 20, 3), dtype=np.uint8)
    sky, _ = opened(stored(kind, given, images=pixels, label=np.arange(3)))
    assert (sky.bands, sky.unit) == (("red", "green", "blue"), "display")
    np.testing.assert_array_equal(sky.images.raw[:], pixels.transpose(0, 3, 1, 2)[:, :, ::-1])
    assert sky.catalogue["label"].tolist() == [0, 1, 2]


def test_an_array_a_file(given, opened):
    for k in range(3):
        np.savez(given / f"g{k}.npz", image=cube(2, k))
        np.save(given / f"h{k}.npy", cube(2, 10 + k))
    sky, _ = opened(given)
    assert sky.object_ids.tolist() == ["g0", "g1", "g2", "h0", "h1", "h2"]
    np.testing.assert_array_equal(sky.images[4], cube(2, 11))


def test_python_objects_are_never_loaded(given, opened):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("it was unpickled",))

    np.savez(given / "a.npz", images=np.array([Bomb()], dtype=object))
    with pytest.raises(ValueError, match=r"a\.npz: expected an array of images"):
        opened(given / "a.npz")
    np.save(given / "a.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="might run any code"):
        opened(given / "a.npy")


def test_bombs_and_arrays_that_are_not_all_there_are_refused(given, opened):
    with zipfile.ZipFile(given / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(head, {"shape": (300, 1024, 1024), "fortran_order": False, "descr": "|u1"})
        archive.writestr("images.npy", head.getvalue() + bytes(300 << 20))
    with pytest.raises(ValueError, match="claim to hold more than"):
        opened(given / "a.npz")
    content = io.BytesIO()
    np.save(content, cube(2))
    (given / "b.npy").write_bytes(content.getvalue()[:-40])
    with pytest.raises(ValueError, match=r"b\.npy.*its header claims"):
        opened(given / "b.npy")
    array = zarr.create_array(given / "c.zarr", shape=(4, 2, SIDE, SIDE), chunks=(1, 2, SIDE, SIDE), dtype="f4")
    array[0] = cube(2)
    with pytest.raises(ValueError, match=r"c\.zarr.*3 of 4 chunks of images are missing"):
        opened(given / "c.zarr")


def test_arrays_open_no_other_file(given, opened, tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["images"] = np.stack([cube(2)] * 2)
    os.mkfifo(tmp_path / "pipe")
    for secret in ("secret.h5", "pipe"):  # whoever opens the pipe waits for ever
        with h5py.File(given / "a.h5", "w") as file:
            file["images"] = h5py.ExternalLink(str(tmp_path / secret), "images")
        with pytest.raises(ValueError, match=r"a\.h5: expected an array of images"):
            opened(given / "a.h5")
    zarr.create_array(tmp_path / "secret.zarr", data=np.stack([cube(2)] * 2), chunks=(1, 2, SIDE, SIDE))
    zarr.create_array(given / "b.zarr", data=np.stack([cube(2)] * 2), chunks=(1, 2, SIDE, SIDE))
    victim = next(p for p in sorted((given / "b.zarr" / "c").rglob("*")) if p.is_file())
    victim.unlink()
    victim.symlink_to(next(p for p in (tmp_path / "secret.zarr" / "c").rglob("*") if p.is_file()))
    with pytest.raises(ValueError, match="lies outside"):
        opened(given / "b.zarr")


def test_a_codec_of_zarr_that_might_do_anything_is_refused(given, opened):
    from numcodecs import Pickle

    zarr.create_array(
        given / "a.zarr", data=np.ones((2, 1, 4, 4), "f4"), chunks=(1, 1, 4, 4), zarr_format=2, filters=[Pickle()]
    )
    with pytest.raises(ValueError, match="it needs the compressor"):
        opened(given / "a.zarr")


def picture(path, value, size=(SIDE, SIDE), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode == "L" else (value, value // 2, 0)).save(path)


def test_pictures_with_the_table_beside_them(given, opened):
    for k in range(4):
        picture(given / "images" / f"10{k}.png", 50 * k)
    rows = "".join(f"10{k},{k % 2},{k == 1},n{k}\n" for k in (2, 0, 1))
    (given / "labels.csv").write_text(f"GalaxyID,spiral,odd,note\n{rows}")
    sky, reports = opened(given)
    assert sky.object_ids.tolist() == ["100", "101", "102", "103"]
    assert sky.catalogue.loc["102"].tolist() == ["102", 0, False, "n2"]
    assert sky.catalogue["spiral"].dtype == "Int64"  # 103 has no row
    assert sky.catalogue.loc["103"].isna().all()
    assert reports[0] == ("labels.csv: 3 rows; column GalaxyID matches 3 of 4 images; columns: spiral, odd, note")
    assert sky.images.raw[:][:, 0, 0, 0].tolist() == [0, 50, 100, 150]
    bare, reports = opened(given, "none")
    assert bare.catalogue.columns.empty


def test_class_folders(given, opened):
    for k, name in enumerate(["spiral/1", "spiral/2", "ring/3", "ring/4"]):
        picture(given / f"{name}.png", 10 * k)
    sky, _ = opened(given)
    assert sky.catalogue["class"].to_dict() == {"3": "ring", "4": "ring", "1": "spiral", "2": "spiral"}
    (given / "votes.csv").write_text("id,p\n1,0.1\n4,0.4\n")
    sky, _ = opened(given)
    assert sky.catalogue.loc["4", ["class", "p"]].tolist() == ["ring", 0.4]
    picture(given / "ring" / "1.png", 99)  # one name in two folders
    sky, _ = opened(given, "none")
    assert sky.object_ids.tolist() == ["ring-1", "ring-3", "ring-4", "spiral-1", "spiral-2"]


def test_parts_and_a_zip(given, opened):
    for k, name in enumerate(["train/a/1", "train/b/2", "test/a/3", "test/b/4"]):
        picture(given / "pictures" / f"{name}.png", 10 * k)
    with zipfile.ZipFile(given / "all.zip", "w") as archive:
        for file in sorted((given / "pictures").rglob("*.png")):
            archive.write(file, file.relative_to(given))
    for place in (given / "pictures", given / "all.zip"):
        sky, _ = opened(place)
        assert sky.catalogue.loc["3"].to_dict() == {"class": "a", "split": "test"}


def test_grey_among_colour_is_said_and_sizes_differ(given, opened):
    picture(given / "a.png", 100)
    picture(given / "b.png", 100, mode="L", size=(20, 10))
    sky, reports = opened(given)
    assert any(one.startswith("1 of 2 pictures are grey") for one in reports)
    assert any("1 of 2 pictures are not square: padded" in one for one in reports)
    assert sky.images.shape[0] == 2


def test_large_pictures_are_made_smaller_unless_a_size_is_given(given, opened):
    picture(given / "a.png", 100, size=(300, 300))
    sky, reports = opened(given)
    assert sky.images.shape[2:] == (128, 128)
    assert any("128 px wide" in one for one in reports)
    assert opened(given, size=30)[0].images.shape[2:] == (30, 30)
    assert opened(given, crop=60)[0].images.shape[2:] == (60, 60)


def test_a_data_set_of_hugging_face_of_any_columns(given, opened):
    import datasets

    kept = [np.full((SIDE, SIDE, 3), 40 * k, np.uint8) for k in range(4)]
    features = datasets.Features(
        {
            "picture": datasets.Image(),
            "label": datasets.ClassLabel(names=["star", "galaxy"]),
            "mag": datasets.Value("float32"),
        }
    )
    rows = {"picture": [Image.fromarray(one) for one in kept], "label": [0, 1, 1, 0], "mag": [1.0, 2.0, 3.0, 4.0]}
    parts = datasets.Dataset.from_dict(rows, features=features).train_test_split(1, shuffle=False)
    parts.save_to_disk(given / "mine")
    sky, _ = opened(given / "mine")
    assert sorted(sky.catalogue["mag"]) == [1, 2, 3, 4]
    assert sky.catalogue.set_index("mag")["label"].to_dict() == {1: "star", 2: "galaxy", 3: "galaxy", 4: "star"}
    assert sky.catalogue.set_index("mag")["split"][4.0] == "test"
    for row, mag in enumerate(sky.catalogue["mag"]):
        assert (sky.images.raw[row] == 40 * (mag - 1)).all()


def test_published_sets_keep_their_own_catalogue(given, opened):
    """The tables of a data set are its catalogue: they are not matched once more as tables beside pictures."""
    content = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE)).save(content, "PNG")
    image = [{"bytes": content.getvalue(), "path": None}] * 2
    pq.write_table(pa.table({"image": image, "id_str": ["1", "2"], "mag": [1.0, 2.0]}), given / "a.parquet")
    sky, _ = opened(given)
    assert list(sky.catalogue) == ["mag"]
    (given / "more.csv").write_text("id,z\n1,0.1\n2,0.2\n")
    sky, _ = opened(given / "a.parquet", given / "more.csv")
    assert sky.catalogue["z"].tolist() == [0.1, 0.2]


def test_what_is_no_image_is_said_clearly(given, opened, tmp_path, make_sky):
    with pytest.raises(ValueError, match=r"pictures: expected images, got .*given, which is empty"):
        opened(given)
    (given / "notes.md").write_text("x")
    with pytest.raises(ValueError, match=r"pictures: expected images \(.*\), got \.md in"):
        opened(given)
    (given / "t.csv").write_text("id,x\n1,2\n")
    pq.write_table(pa.table({"id": ["1"], "x": [2.0]}), given / "u.parquet")
    fits.BinTableHDU.from_columns([fits.Column("ID", "J", array=[0])]).writeto(given / "v.fits")
    for place in (given, given / "t.csv"):
        with pytest.raises(ValueError, match=r"no images here: .*t\.csv is a table\. Open it with `panel serve"):
            opened(place)
    with pytest.raises(FileNotFoundError, match="pictures: expected files that are there"):
        opened(tmp_path / "nowhere")
    (given / "frame-r-001035-6-0017.fits").write_bytes(b"")
    with pytest.raises(ValueError, match=r"SDSS frames in .*--positions TABLE"):
        opened(given)
    saved = make_sky().save(tmp_path / "saved")
    assert opened(saved)[0].object_ids.tolist() == CutoutSet.open(saved).object_ids.tolist()


def test_links_that_lead_out_are_not_followed(given, opened, tmp_path):
    write(tmp_path / "secret.fits", cube(2))
    write(given / "a.fits", cube(2, 1))
    (given / "b.fits").symlink_to(tmp_path / "secret.fits")
    sky, _ = opened(given)
    assert sky.object_ids.tolist() == ["a"]


def test_a_table_in_fits_beside_cutouts(given, opened):
    for k in range(3):
        write(given / f"{k}.fits", cube(2, k))
    table = fits.BinTableHDU.from_columns(
        [fits.Column("ID", "J", array=[0, 1, 2]), fits.Column("Z", "D", array=[0.1, 0.2, 0.3])]
    )
    table.writeto(given / "catalogue.fits")
    sky, reports = opened(given)
    assert sky.catalogue["Z"].tolist() == [0.1, 0.2, 0.3]
    assert reports[-1].startswith("catalogue.fits: 3 rows; column ID matches 3 of 3") or any(
        one.startswith("catalogue.fits: 3 rows; column ID matches 3 of 3") for one in reports
    )


def test_the_same_call_opens_the_same_sky_and_changed_files_another(given, tmp_path, monkeypatch):
    monkeypatch.setenv("GALVIZ_HOME", str(tmp_path / "home"))
    picture(given / "a.png", 100)
    seen = []
    call = partial(open_any_images, given, workers=1, progress=lambda *now: seen.append(now), report=None)
    assert call().object_ids.tolist() == ["a"]
    assert (len(seen), call().object_ids.tolist(), len(seen)) == (1, ["a"], 1)
    picture(given / "b.png", 100)
    assert call().object_ids.tolist() == ["a", "b"]
    assert len(list((tmp_path / "home" / "skies").iterdir())) == 2


def test_real_folders(real_data, opened):
    sky, reports = opened(real_data / "gz_decals_rings")
    assert reports[0].startswith("catalog.csv: 370 rows; column object_id matches 370 of 370 images; columns: ring, ")
    truth = pd.read_csv(real_data / "gz_decals_rings" / "catalog.csv").set_index("object_id")["ring"]
    pd.testing.assert_series_equal(
        sky.catalogue["ring"], truth[sky.object_ids], check_names=False, check_index_type=False
    )
    sky, _ = opened(real_data / "legacysurvey_cutout")
    assert (sky.bands, sky.unit, sky.wcs is not None) == (("g", "r", "z"), "nanomaggy", True)


def fits_file(place):
    hdus = [fits.PrimaryHDU(), *(fits.ImageHDU(cube(1, k)[0], plane(), name=band) for k, band in enumerate("gr"))]
    fits.HDUList(hdus).writeto(place, checksum=True)


def compressed(place):
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(cube(1)[0].astype(np.int16), plane())]).writeto(place)


def hdf5_file(place):
    with h5py.File(place, "w") as file:
        file.create_dataset("images", data=np.stack([cube(2)] * 3), chunks=(1, 2, SIDE, SIDE), compression="gzip")
        file["z"] = np.arange(3.0)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.fits", fits_file),
        ("a.fits.fz", compressed),
        ("a.npz", lambda place: np.savez(place, images=np.stack([cube(2)] * 3), z=np.arange(3.0))),
        ("a.npy", lambda place: np.save(place, np.stack([cube(2)] * 3))),
        ("a.h5", hdf5_file),
    ],
)
def test_damaged_files_raise_value_or_os_errors_alone(given, opened, name, make):
    make(given / name)
    raw, rng = (given / name).read_bytes(), np.random.default_rng(11)
    for _ in range(60):
        wrong = bytearray(raw[: rng.integers(0, len(raw) + 1)] if rng.random() < 0.3 else raw)
        for at in rng.integers(0, max(1, len(wrong)), rng.integers(1, 4)) if wrong else ():
            wrong[at] = rng.integers(0, 256)
        (given / name).write_bytes(wrong)
        try:
            sky, _ = opened(given / name)
        except (ValueError, OSError) as error:
            assert str(error)  # noqa: PT017
        else:
            assert np.isfinite(sky.images[:]).all()
