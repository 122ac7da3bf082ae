"""Folders, archives and tables of pictures from strangers: none opens another file, runs code or takes others along."""

import io
import pickle
import struct
import unicodedata
import zipfile
from contextlib import suppress

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from galviz.sky.cutouts import CutoutSet
from galviz.sky.readers import classes, zoo
from galviz.sky.readers.pictures import find_pictures, pictures
from galviz.sky.readers.writing import write_pictures

SIDE = 6


def noise(seed, height=SIDE, width=SIDE):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(seed, kind="PNG", **size):
    out = io.BytesIO()
    Image.fromarray(noise(seed, **size)).save(out, kind)
    return out.getvalue()


def turned(pixels):
    return pixels.transpose(2, 0, 1)[:, ::-1]


@pytest.fixture
def secret(tmp_path):
    """A picture outside the folder that is opened."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "secret.png").write_bytes(encoded(99))
    return tmp_path / "secret" / "secret.png"


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "given"
    (place / "cat").mkdir(parents=True)
    for k in range(3):
        (place / "cat" / f"good{k}.png").write_bytes(encoded(k))
    return place


def written(found, out, **more):
    """Write a sky, leaving out what is bad; return it and what was left out."""
    bad = write_pictures(out, found, crop=0, size=SIDE, skip_bad=True, **more)
    return CutoutSet.open(out), bad


def nothing_of(secret, sky):
    """Check that no pixels of the secret picture are in a sky."""
    foreign = turned(np.asarray(Image.open(secret)))
    return not any((pixels == foreign).all() for pixels in sky.images.raw[:])


# Files that lead to other files


@pytest.mark.parametrize("target", ["secret.png", "..", "nowhere.png", "cat/loop.png"])
def test_links_that_lead_out_of_a_folder_of_pictures_are_left_out_by_name(folder, secret, tmp_path, target):
    place, loop = folder / "cat", target == "cat/loop.png"
    link = folder / "link" if target == ".." else place / "link.png"
    link.symlink_to("link.png" if loop else secret.parent if target == ".." else secret.parent / target)
    for k, found in enumerate(
        (zoo.folder_of_pictures(folder, table_of(find_pictures(folder))), classes.folders(folder))
    ):
        with pytest.raises(ValueError, match=rf"images: (cat-)?{link.stem}: images: expected a file in .*given, got"):
            write_pictures(tmp_path / "none", found, size=SIDE)
        sky, bad = written(found, tmp_path / f"sky{k}")
        assert [name.removeprefix("cat-") for name in bad] == [link.stem]
        assert len(sky) == 3
        assert nothing_of(secret, sky)


def test_a_link_that_leads_out_is_not_covered_in_an_explorer(folder, secret):
    (folder / "a-link.png").symlink_to(secret)
    heard = {}
    sky = pictures(folder, broken=heard.__setitem__)
    row = sky.row_of(["a-link"])[0]
    assert not sky.coverage[row].any()
    assert not sky.images[row].any()
    assert "lies outside" in heard["a-link"]
    with pytest.raises(ValueError, match="lies outside"):
        pictures(folder)


def test_links_inside_a_folder_are_followed(folder, tmp_path):
    (folder / "again.png").symlink_to(folder / "cat" / "good1.png")
    (tmp_path / "door").symlink_to(folder)
    sky = pictures(tmp_path / "door")
    np.testing.assert_array_equal(sky.images.raw[sky.row_of(["again"])[0]], turned(noise(1)))


@pytest.mark.parametrize("absolute", [True, False])
def test_a_path_in_a_hugging_face_table_opens_no_other_file(tmp_path, secret, absolute):
    place = tmp_path / "gz2"
    place.mkdir()
    (place / "own.png").write_bytes(encoded(1))
    outside = str(secret) if absolute else "../secret/secret.png"
    images = [{"bytes": None, "path": "own.png"}, {"bytes": None, "path": outside}, {"bytes": encoded(2), "path": "x"}]
    images += [None, {"bytes": None, "path": None}]
    pq.write_table(pa.table({"image": images, "id_str": list("abcde")}), place / "train.parquet")
    sky, bad = written(zoo.hugging_face(place), tmp_path / "sky")
    assert sky.object_ids.tolist() == ["a", "c"]
    assert nothing_of(secret, sky)
    assert "lies outside" in bad["b"]
    assert "neither bytes nor a path" in bad["d"] == bad["e"]


def test_a_hugging_face_table_that_is_a_link_is_not_followed(tmp_path, secret):
    pq.write_table(
        pa.table({"image": [{"bytes": encoded(2), "path": "x"}], "id_str": ["a"]}), secret.parent / "t.parquet"
    )
    (tmp_path / "gz2").mkdir()
    (tmp_path / "gz2" / "train.parquet").symlink_to(secret.parent / "t.parquet")
    with pytest.raises(ValueError, match="lies outside"):
        zoo.hugging_face(tmp_path / "gz2")
    assert len(zoo.hugging_face(tmp_path / "gz2" / "train.parquet").catalogue) == 1  # the user chose this one


def galaxy10(place, **others):
    sets = {"images": np.stack([noise(k) for k in range(3)]), "ans": np.arange(3, dtype=np.uint8)} | others
    with h5py.File(place, "w") as file:
        for name, values in sets.items():
            if values is not None:
                file[name] = values
    return place


def external(name, secret):
    def put(file, values):
        del file[name]
        values.tofile(secret.parent / "raw")
        file.create_dataset(name, values.shape, values.dtype, external=[(str(secret.parent / "raw"), 0, values.nbytes)])

    return put


def virtual(name, secret):
    def put(file, values):
        with h5py.File(secret.parent / "other.h5", "w") as other:
            other["x"] = values
        layout = h5py.VirtualLayout(values.shape, values.dtype)
        layout[:] = h5py.VirtualSource(str(secret.parent / "other.h5"), "x", values.shape)
        del file[name]
        file.create_virtual_dataset(name, layout)

    return put


def linked(name, secret, kind):
    def put(file, values):
        with h5py.File(secret.parent / "other.h5", "w") as other:
            other["x"] = values
        del file[name]
        if kind == "soft":
            file["door"] = h5py.ExternalLink(str(secret.parent / "other.h5"), "/x")
        file[name] = h5py.SoftLink("/door") if kind == "soft" else h5py.ExternalLink(secret.parent / "other.h5", "/x")

    return put


@pytest.mark.parametrize("name", ["images", "ans", "ra"])
@pytest.mark.parametrize("way", ["external storage", "virtual", "external link", "soft link", "group"])
def test_galaxy10_reads_only_what_is_stored_in_the_file(tmp_path, secret, name, way):
    place = galaxy10(tmp_path / "g.h5", ra=np.zeros(3))
    put = {
        "external storage": external(name, secret),
        "virtual": virtual(name, secret),
        "external link": linked(name, secret, "external"),
        "soft link": linked(name, secret, "soft"),
        "group": lambda file, _: (file.pop(name), file.create_group(name)),
    }[way]
    with h5py.File(place, "r+") as file:
        put(file, file[name][:])
    with pytest.raises(ValueError, match=f"path: expected {name} stored in .*g.h5, got a link to another place"):
        zoo.galaxy10(place)


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ({"ans": np.array([0, -1, 2])}, "expected ans from 0 to 9, got -1"),
        ({"ans": np.array([0, 10, 2])}, "expected ans from 0 to 9, got 10"),
        ({"ans": np.array([0, 1])}, r"expected ans of \(3,\) numbers, got \(2,\)"),
        ({"ans": np.array([0.0, 1, 2])}, "expected numbers in ans, got float64"),
        ({"ra": np.zeros((3, 2))}, r"expected ra of \(3,\) numbers"),
        ({"images": np.zeros((3, 6, 6, 3), np.uint16)}, r"expected images \(N, H, W, 3\) of uint8, got uint16"),
        ({"images": np.zeros((3, 6, 6), np.uint8)}, r"expected images \(N, H, W, 3\) of uint8"),
    ],
)
def test_galaxy10_of_another_form_is_named(tmp_path, others, why):
    with pytest.raises(ValueError, match=f"path: {why}"):
        zoo.galaxy10(galaxy10(tmp_path / "g.h5", **others))


def test_galaxy10_that_is_not_all_there_is_no_zeros(tmp_path):
    place = galaxy10(tmp_path / "g.h5", images=None)
    with h5py.File(place, "r+") as file:
        images = file.create_dataset("images", (3, 6, 6, 3), np.uint8, chunks=(1, 6, 6, 3), compression="gzip")
        images[:2] = noise(1)
    with pytest.raises(ValueError, match=r"expected all of images in .*, got parts of it"):
        zoo.galaxy10(place)


def test_a_damaged_chunk_of_galaxy10_takes_no_others_along(tmp_path):
    place = galaxy10(tmp_path / "g.h5", images=None)
    with h5py.File(place, "r+") as file:
        images = file.create_dataset("images", (3, 6, 6, 3), np.uint8, chunks=(1, 6, 6, 3), fletcher32=True)
        images[:] = np.stack([noise(k) for k in range(3)])
        at = images.id.get_chunk_info(1).byte_offset
    content = bytearray(place.read_bytes())
    content[at + 5] ^= 1
    place.write_bytes(content)
    sky, bad = written(zoo.galaxy10(place), tmp_path / "sky")
    assert sky.object_ids.tolist() == ["galaxy10-00000", "galaxy10-00002"]
    assert "row 1, which cannot be read" in bad["galaxy10-00001"]
    np.testing.assert_array_equal(sky.images.raw[1], turned(noise(2)))


def birds(place, names):
    for k, name in enumerate(names):
        (place / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "images" / name).write_bytes(encoded(k))
    lists = {"images": [f"{k} {name}" for k, name in enumerate(names)], "classes": ["1 wren"]}
    lists |= {name: [f"{k} 1" for k in range(len(names))] for name in ("image_class_labels", "train_test_split")}
    lists["bounding_boxes"] = [f"{k} 1 1 3 3" for k in range(len(names))]
    for name, lines in lists.items():
        (place / f"{name}.txt").write_text("\n".join(lines))
    return place


@pytest.mark.parametrize("absolute", [True, False])
def test_a_list_of_birds_opens_no_other_file(tmp_path, secret, absolute):
    place = birds(tmp_path / "CUB", ["a/1.png"])
    (place / "images.txt").write_text(f"0 {secret if absolute else '../../secret/secret.png'}\n")
    with pytest.raises(ValueError, match=r"images\.txt: expected a file in .*CUB, got .*, which lies outside"):
        classes.cub200(place)


@pytest.mark.parametrize("name", ["images.txt", "classes.txt", "bounding_boxes.txt"])
def test_a_list_of_birds_is_no_link(tmp_path, secret, name):
    place = birds(tmp_path / "CUB", ["a/1.png"])
    (place / name).rename(secret.parent / name)
    (place / name).symlink_to(secret.parent / name)
    with pytest.raises(ValueError, match="lies outside"):
        classes.cub200(place, boxes=True)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("images", "0 a/1.png\n0 a/2.png\n", "images.txt: expected a line a number, got '0' twice"),
        ("images", "0 a/1.png\n1 b/1.png\n", "images: expected a picture an object, got a/1.png and b/1.png"),
        ("classes", "1 x\n1 y\n", "classes.txt: expected a line a number"),
        ("classes", b"1 \xff\n", r"classes.txt: expected text in UTF-8"),
        (
            "bounding_boxes",
            "0 1 1 3 3\n1 1 1 nan 3\n",
            "bounding_boxes.txt: expected x, y, width and height, got '1 1 nan 3'",
        ),
        ("bounding_boxes", "0 1 1 3 3\n1 1 1 0.1 3\n", "bounding_boxes.txt: expected x, y, width"),
        ("bounding_boxes", "0 1 1 3 x\n1 1 1 3 3\n", "bounding_boxes.txt: expected x, y, width"),
    ],
)
def test_a_wrong_list_of_birds_is_named(tmp_path, name, content, why):
    place = birds(tmp_path / "CUB", ["a/1.png", "b/1.png"] if "b/1" in str(content) else ["a/1.png", "a/2.png"])
    (place / f"{name}.txt").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=why):
        classes.cub200(place, boxes=True)


def test_a_box_far_outside_is_moved_into_the_picture(tmp_path):
    place = birds(tmp_path / "CUB", ["a/1.png"])
    (place / "bounding_boxes.txt").write_text("0 1e300 -1e300 1e200 3\n")
    (pixels,) = classes.cub200(place, boxes=True).read()
    np.testing.assert_array_equal(pixels, noise(0))


# Archives


def zipped(out, members, **how):
    with zipfile.ZipFile(out, "w", **how) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out


def test_members_of_a_zip_that_lead_out_or_are_hidden_are_left_out(tmp_path):
    members = {
        name: encoded(k) for k, name in enumerate(["cat/a.png", "../cat/b.png", "/cat/c.png", "cat/../../d.png"])
    }
    members |= {
        "./cat/e.png": encoded(7),
        "__MACOSX/cat/a.png": b"",
        "cat/._a.png": b"",
        "__MACOSX/a.png": b"",
        ".git/a.png": b"",
    }
    found = classes.folders(zipped(tmp_path / "a.zip", members))
    sky, bad = written(found, tmp_path / "sky")
    assert (sky.object_ids.tolist(), bad) == (["cat-e", "cat-a"], {})
    assert sorted(place.name for place in tmp_path.iterdir()) == ["a.zip", "sky"]


@pytest.mark.parametrize("way", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_bomb_is_refused_and_takes_no_others_along(tmp_path, monkeypatch, way):
    monkeypatch.setattr(classes, "MOST_BYTES", 10_000)
    place = tmp_path / "a.zip"
    zipped(place, {"cat/bomb.png": bytes(10**6)}, compression=way)
    with zipfile.ZipFile(place, "a") as archive:
        archive.writestr("cat/good.png", encoded(1))
    sky, bad = written(classes.folders(place), tmp_path / "sky")
    assert sky.object_ids.tolist() == ["cat-good"]
    assert "unpacks to 1,000,000 bytes" in bad["cat-bomb"] or "in another way than by deflate" in bad["cat-bomb"]


def test_a_member_that_lies_about_its_size_or_is_encrypted_is_left_out(tmp_path):
    place = zipped(tmp_path / "a.zip", {f"cat/{k}.png": encoded(k) for k in range(4)}, compression=zipfile.ZIP_DEFLATED)
    content = bytearray(place.read_bytes())
    heads = [at for at in range(len(content) - 4) if content[at : at + 4] == b"PK\1\2"]
    content[heads[0] + 24 : heads[0] + 28] = struct.pack("<I", 40)  # its size
    content[heads[1] + 8] |= 1  # encrypted
    content[heads[2] + 16] ^= 1  # its checksum
    place.write_bytes(content)
    sky, bad = written(classes.folders(place), tmp_path / "sky")
    assert sky.object_ids.tolist() == ["cat-3"]
    assert sorted(bad) == ["cat-0", "cat-1", "cat-2"]


# Pickles


def batch_of(content):
    return pickle.dumps(content, protocol=3)


@pytest.fixture
def cifar(tmp_path):
    place = tmp_path / "cifar-10-batches-py"
    place.mkdir()
    for name in [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]:
        data = np.random.default_rng(1).integers(0, 256, (2, 3072), dtype=np.uint8)
        (place / name).write_bytes(batch_of({b"labels": [0, 1], b"data": data}))
    (place / "batches.meta").write_bytes(batch_of({b"label_names": [b"cat", b"dog"]}))
    return place


def array_of(shape, content=b""):
    """A pickle of an array that claims a shape."""
    ends = b"(cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01bt"
    dtype = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    shapes = b"(" + b"".join(b"\x8a\x08" + struct.pack("<q", side) for side in shape) + b"t"
    return ends[1:] + b"R(K\x01" + shapes + dtype + b"\x89T" + struct.pack("<i", len(content)) + content + b"tb"


HOSTILE = {
    "an array of absurd shape": b"\x80\x02}(U\x06labels]K\x00aU\x04data" + array_of((2**40, 3072)) + b"u.",
    "an array made of a shape": b"\x80\x02}U\x04datacnumpy\nndarray\n\x8a\x06\0\0\0\0\0\x10\x85\x85Rs.",
    "a long text": b"\x80\x04}\x8d" + struct.pack("<Q", 2**40) + b"x.",
    "many bytes": b"\x80\x04}\x8e" + struct.pack("<Q", 2**40) + b"x.",
    "a part with an absurd number": b"\x80\x02}r\xff\xff\xff\x7f.",
    "nested tuples": b"\x80\x02})" + b"\x85" * 10**6 + b"K\x01s.",
    "lists of lists": b"\x80\x02}(U\x06labels"
    b"]q\x00"
    + b"".join(b"](" + b"h" + bytes([k]) * 1 + b"h" + bytes([k]) + b"eq" + bytes([k + 1]) for k in range(40))
    + b"U\x04dataK\x01u.",
    "code": b"cos\nsystem\n(S'touch HACKED'\ntR.",
    "code by another name": b"\x80\x04\x8c\x08builtins\x8c\x04exec\x93\x8c\x0bopen('x','w')\x85R.",
    "a persistent object": b"Px\n.",
    "an extension": b"\x80\x02\x82\x01.",
    "nothing": b"",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_pickle_is_refused_and_does_nothing(cifar, kind, monkeypatch, tmp_path):
    import resource

    monkeypatch.chdir(tmp_path)
    (cifar / "data_batch_2").write_bytes(HOSTILE[kind])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r"path: expected .*data_batch_2"):
        classes.cifar10(cifar)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB
    assert [place.name for place in tmp_path.iterdir()] == [cifar.name]


def test_the_hand_written_array_is_one_that_is_read(cifar):
    """What the hostile arrays are made of is right but for their size."""
    pixels = np.random.default_rng(3).integers(0, 256, (1, 3072), dtype=np.uint8)
    raw = b"\x80\x02}(U\x06labels]K\x00aU\x04data" + array_of((1, 3072), pixels.tobytes()) + b"u."
    (cifar / "data_batch_1").write_bytes(raw)
    np.testing.assert_array_equal(next(classes.cifar10(cifar).read()), pixels.reshape(3, 32, 32).transpose(1, 2, 0))


def test_files_of_cifar10_that_are_links_or_too_large_are_refused(cifar, secret, monkeypatch):
    (cifar / "data_batch_3").rename(secret.parent / "b")
    (cifar / "data_batch_3").symlink_to(secret.parent / "b")
    with pytest.raises(ValueError, match="lies outside"):
        classes.cifar10(cifar)
    (cifar / "data_batch_3").unlink()
    (secret.parent / "b").rename(cifar / "data_batch_3")
    monkeypatch.setattr(classes, "_MOST_BATCH", 100)
    with pytest.raises(ValueError, match="path: expected at most 100 bytes, got more in"):
        classes.cifar10(cifar)


# One bad file among good ones


def test_of_a_folder_with_bad_files_the_good_ones_are_read(tmp_path):
    place = tmp_path / "given"
    place.mkdir()
    for k in range(10):
        (place / f"good{k}.png").write_bytes(encoded(k))
    bomb = bytearray(encoded(0))
    bomb[16:24] = struct.pack(">II", 20000, 20000)
    bad = {
        "bomb.png": bytes(bomb),
        "cut.png": encoded(1)[:80],
        "empty.jpg": b"",
        "text.webp": b"hello",
        "t.tif": b"II*\0",
    }
    for name, content in bad.items():
        (place / name).write_bytes(content)
    (place / "folder.jpg").mkdir()
    for name in ("._good0.png", ".hidden.png", "Thumbs.db", ".DS_Store", "notes.txt"):
        (place / name).write_bytes(b"no picture")
    (place / "__MACOSX").mkdir()
    (place / "__MACOSX" / "good3.png").write_bytes(b"no picture")
    sky, left_out = written(zoo.folder_of_pictures(place, table_of(find_pictures(place))), tmp_path / "sky")
    assert sky.object_ids.tolist() == [f"good{k}" for k in range(10)]
    assert set(left_out) == {name.rpartition(".")[0] for name in bad}
    heard = {}
    seen = pictures(place, broken=heard.__setitem__)
    covered = seen.coverage[:].all(axis=(1, 2, 3))
    assert seen.object_ids[covered].tolist() == [f"good{k}" for k in range(10)]
    assert set(heard) == set(left_out)
    np.testing.assert_array_equal(seen.images.raw[seen.row_of(["good7"])[0]], turned(noise(7)))


def table_of(ids):
    return pd.DataFrame(index=pd.Index(list(ids), name="object_id"))


def test_pictures_of_all_formats_are_found(tmp_path):
    for kind, name in {"PNG": "a.PNG", "TIFF": "b.tif", "WEBP": "c.webp", "BMP": "d.bmp", "GIF": "e.gif"}.items():
        (tmp_path / name).write_bytes(encoded(1, kind))
    (tmp_path / "f.tiff").write_bytes(encoded(1, "TIFF"))
    assert list(find_pictures(tmp_path)) == list("abcdef")
    assert len(pictures(tmp_path)) == 6


def test_ids_find_pictures_by_exact_name_first(tmp_path):
    accented = "NGC\N{LATIN SMALL LETTER E WITH ACUTE}"
    names = ["a", "A", "b", "c.jpg", unicodedata.normalize("NFD", accented), "J12.5"]
    for k, name in enumerate(names):
        (tmp_path / f"{name}.png").write_bytes(encoded(k))
    table = table_of(["b.JPG", "A", "a", "c.jpg", accented, "J12.5", "d.png", "a.png"])
    sky = pictures(tmp_path, table)
    assert sky.object_ids.tolist() == ["b.JPG", "A", "a", "c.jpg", accented, "J12.5"]
    for row, k in enumerate([2, 1, 0, 3, 4, 5]):
        np.testing.assert_array_equal(sky.images.raw[row], turned(noise(k)))
    assert zoo.folder_of_pictures(tmp_path, table).catalogue.index.tolist() == sky.object_ids.tolist()


def test_two_files_of_one_object_are_named(folder):
    (folder / "cat" / "good1.jpg").write_bytes(encoded(1))
    for find in (find_pictures, classes.folders):
        with pytest.raises(ValueError, match=r"expected a picture an object, got cat/good1\.jpg and cat/good1\.png in"):
            find(folder)


# Several sizes, and several depths


def of_sizes(place, sizes):
    place.mkdir(exist_ok=True)
    for k, (height, width) in enumerate(sizes):
        (place / f"{k}.png").write_bytes(encoded(k, height=height, width=width))
    return place


def test_pictures_of_several_sizes_are_padded_and_said(tmp_path):
    sky = pictures(of_sizes(tmp_path / "mine", [(4, 6), (8, 8), (8, 8), (10, 12), (8, 8)]))
    assert sky.images.shape == (5, 3, 8, 8)
    note = "2 of 5 pictures have another size than 8×8: padded with pixels that are not covered and cropped"
    assert sky.origin == f"pictures in mine ({note})"
    inner = (slice(None), slice(2, 6), slice(1, 7))
    np.testing.assert_array_equal(sky.images.raw[0][inner], turned(noise(0, 4, 6)))
    expected = np.zeros((3, 8, 8), bool)
    expected[inner] = True
    np.testing.assert_array_equal(sky.coverage[0], expected)
    assert not sky.images[0][~expected].any()
    np.testing.assert_array_equal(sky.images.raw[3], turned(noise(3, 10, 12)[1:9, 2:10]))
    assert sky.coverage[1:].all()


def test_pictures_of_several_sizes_are_cropped_on_request(tmp_path):
    sky = pictures(of_sizes(tmp_path / "mine", [(8, 8), (6, 9), (8, 8)]), fit="crop")
    assert (sky.images.shape, sky.coverage) == ((3, 3, 6, 8), None)
    assert sky.origin.endswith("(3 of 3 pictures have another size than 8×6: cropped)")
    np.testing.assert_array_equal(sky.images.raw[0], turned(noise(0, 8, 8)[1:7]))
    np.testing.assert_array_equal(sky.images.raw[1], turned(noise(1, 6, 9)[:, :8]))
    with pytest.raises(ValueError, match="fit: expected 'pad' or 'crop', got 'stretch'"):
        pictures(tmp_path / "mine", fit="stretch")


@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_pictures_that_are_not_square_keep_their_shape_where_they_are_made_small(tmp_path, fit):
    place = of_sizes(tmp_path / "mine", [(8, 16)] * 3)
    sky = pictures(place, size=4, fit=fit, pixel_scale=0.5)
    with pytest.warns(UserWarning, match="3 of 3 pictures are not square") as shown_text:
        write_pictures(tmp_path / "sky", zoo.folder_of_pictures(place, table_of("012")), size=4, fit=fit)
    assert ("padded" in str(shown_text[0].message), "cropped" in str(shown_text[0].message)) == (
        fit == "pad",
        fit == "crop",
    )
    stored = CutoutSet.open(tmp_path / "sky")
    for k in range(3):
        whole = noise(k, 8, 16).astype(float)
        if fit == "pad":
            mean = np.zeros((4, 4, 3))
            mean[1:3] = whole.reshape(2, 4, 4, 4, 3).mean(axis=(1, 3))
        else:
            mean = whole[:, 4:12].reshape(4, 2, 4, 2, 3).mean(axis=(1, 3))
        for one in (sky, stored):
            np.testing.assert_allclose(one.images[k], turned(mean) / 255, atol=1.01 / 255)
    for one in (sky, stored):
        assert (one.coverage is None) == (fit == "crop")
        if fit == "pad":
            assert one.coverage[0].all(axis=(0, 2)).tolist() == [False, True, True, False]
    assert sky.pixel_scale[0] == (2 if fit == "pad" else 1)


@pytest.mark.parametrize("later", ["deep", "wide"])
def test_a_sky_is_begun_again_where_a_later_picture_needs_more(tmp_path, monkeypatch, later):
    monkeypatch.setattr("galviz.sky.readers.writing._PART", 2)
    place = of_sizes(tmp_path / "mine", [(6, 6)] * 4 + [(6, 6) if later == "deep" else (3, 6)])
    deep = np.random.default_rng(1).integers(0, 2**16, (6, 6), dtype=np.uint16)
    if later == "deep":
        Image.fromarray(deep).save(place / "4.png")
        sky, bad = written(zoo.folder_of_pictures(place, table_of("01234")), tmp_path / "sky")
        assert sky.coverage is None
        np.testing.assert_allclose(sky.images[4], turned(np.dstack([deep] * 3)) / 65535, atol=1e-6)  # not rounded
    else:
        with pytest.warns(UserWarning, match="1 of 5 pictures are not square"):
            sky, bad = written(zoo.folder_of_pictures(place, table_of("01234")), tmp_path / "sky")
        assert sky.coverage[:].mean(axis=(1, 2, 3)).tolist() == [1, 1, 1, 1, 0.5]
    assert bad == {}
    for k in range(4):
        np.testing.assert_allclose(sky.images[k], turned(noise(k)) / 255, atol=1e-6)


def test_deep_pictures_are_not_rounded_in_an_explorer(tmp_path):
    deep = np.random.default_rng(1).integers(0, 2**16, (6, 6), dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(encoded(1))
    sky = pictures(tmp_path)
    np.testing.assert_allclose(sky.images[0], turned(np.dstack([deep] * 3)) / 65535, atol=1e-6)
    np.testing.assert_allclose(sky.images[1], turned(noise(1)) / 255, atol=1e-6)


# Damage at random


def damaged(raw, rng):
    wrong = bytearray(raw[: rng.integers(0, len(raw) + 1)] if rng.random() < 0.3 else raw)
    for at in rng.integers(0, max(len(wrong), 1), rng.integers(1, 4)) if wrong else ():
        wrong[at] = rng.integers(0, 256)
    return bytes(wrong)


def arrow(place):
    table = pa.table({"image": [{"bytes": encoded(k), "path": "x"} for k in range(3)], "id_str": list("abc")})
    with pa.ipc.new_stream(str(place), table.schema) as out:
        out.write_table(table)


def parquet(place):
    pq.write_table(pa.table({"image": [{"bytes": encoded(1), "path": "x"}], "id_str": ["a"]}), place)


DAMAGED = {
    "zip": ("a.zip", lambda place: zipped(place, {f"cat/{k}.png": encoded(k) for k in range(3)}), classes.folders),
    "hdf5": ("a.h5", galaxy10, zoo.galaxy10),
    "arrow": ("a.arrow", arrow, zoo.hugging_face),
    "parquet": ("a.parquet", parquet, zoo.hugging_face),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_files_raise_value_or_os_errors_alone(tmp_path, kind):
    name, make, read = DAMAGED[kind]
    make(tmp_path / name)
    raw, rng = (tmp_path / name).read_bytes(), np.random.default_rng(7)
    for _ in range(120):
        (tmp_path / name).write_bytes(damaged(raw, rng))
        try:
            for one in read(tmp_path / name).read():
                assert isinstance(one, np.ndarray | bytes | ValueError)
        except (ValueError, OSError) as error:
            assert str(error).startswith(("path: expected", "images: expected", f"{tmp_path / name}: expected a whole"))  # noqa: PT017


@pytest.mark.parametrize("name", ["data_batch_1", "batches.meta"])
def test_damaged_pickles_raise_value_errors_alone(cifar, name):
    raw, rng = (cifar / name).read_bytes(), np.random.default_rng(8)
    for _ in range(150):
        wrong = bytearray(damaged(raw[:200], rng) + raw[200:]) if rng.random() < 0.7 else damaged(raw, rng)
        (cifar / name).write_bytes(wrong)
        with suppress(ValueError):
            list(classes.cifar10(cifar).read())


@pytest.mark.parametrize("name", ["images", "classes", "image_class_labels", "train_test_split", "bounding_boxes"])
def test_damaged_lists_of_birds_raise_value_or_os_errors_alone(tmp_path, name):
    place = birds(tmp_path / "CUB", ["a/1.png", "a/2.png", "b/3.png"])
    raw, rng = (place / f"{name}.txt").read_bytes(), np.random.default_rng(9)
    for _ in range(60):
        (place / f"{name}.txt").write_bytes(damaged(raw, rng))
        with suppress(ValueError, OSError):
            list(classes.cub200(place, boxes=True).read())


def test_a_column_whose_name_is_no_text_is_named(tmp_path):
    arrow(tmp_path / "a.arrow")
    raw = (tmp_path / "a.arrow").read_bytes()
    (tmp_path / "a.arrow").write_bytes(raw.replace(b"id_str", b"id_st\xff", 1))
    with pytest.raises(ValueError, match=r"a\.arrow: expected a whole Arrow"):
        zoo.hugging_face(tmp_path / "a.arrow")


def test_two_objects_of_one_id_are_named_before_anything_is_decoded(tmp_path):
    images = [{"bytes": encoded(k), "path": "x"} for k in range(3)]
    pq.write_table(pa.table({"image": images, "id_str": ["a", "b", "a"]}), tmp_path / "a.parquet")
    seen = []
    with pytest.raises(ValueError, match="object_id: expected unique ids, got 'a' more than once"):
        write_pictures(tmp_path / "sky", zoo.hugging_face(tmp_path / "a.parquet"), progress=lambda *n: seen.append(n))
    assert not seen
