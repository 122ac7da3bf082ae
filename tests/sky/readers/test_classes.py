"""Pictures in classes: each layout as it is published, made tiny; what is damaged is named."""

import io
import os
import pickle
import pickletools
import zipfile

import numpy as np
import pytest
from PIL import Image

from galviz.cli.main import main
from galviz.sky.cutouts import CutoutSet
from galviz.sky.readers.classes import cifar10, cub200, find_classes, folders
from galviz.sky.readers.writing import write_pictures

NAMES = ["cat", "dog", "frog"]
FILES = [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]


def pixels(seed, rows=2):
    return np.random.default_rng(seed).integers(0, 256, (rows, 3072), dtype=np.uint8)


def as_python2(content):
    """Turn a pickle of protocol 3 into what Python 2 writes: bytes are its strings, NumPy's module its old one."""
    old = bytearray(content)
    for opcode, _, at in pickletools.genops(content):
        old[at] = {"BINBYTES": ord("T"), "SHORT_BINBYTES": ord("U")}.get(opcode.name, old[at])
    old[1] = 2
    return bytes(old).replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


@pytest.fixture
def python_files(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for k, name in enumerate(FILES):
        batch = {b"batch_label": b"x", b"labels": [k % 3, 2], b"data": pixels(k), b"filenames": [b"a.png", b"b.png"]}
        (folder / name).write_bytes(as_python2(pickle.dumps(batch, protocol=3)))
    meta = {b"num_cases_per_batch": 2, b"label_names": [name.encode() for name in NAMES], b"num_vis": 3072}
    (folder / "batches.meta").write_bytes(as_python2(pickle.dumps(meta, protocol=3)))
    return folder


@pytest.fixture
def binary_files(tmp_path):
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for k, name in enumerate(FILES):
        rows = [bytes([label]) + row.tobytes() for label, row in zip([k % 3, 2], pixels(k), strict=True)]
        (folder / f"{name}.bin").write_bytes(b"".join(rows))
    (folder / "batches.meta.txt").write_text("\n".join([*NAMES, ""]))
    return folder


@pytest.fixture(params=["python_files", "binary_files"])
def cifar(request):
    return request.getfixturevalue(request.param)


def sky_of(found, path, size):
    assert write_pictures(path, found, size=size) == {}
    return CutoutSet.open(path)


def test_cifar10_becomes_a_sky_with_its_pixels_classes_and_split(cifar, tmp_path):
    sky = sky_of(find_classes(cifar.parent), tmp_path / "sky", 32)
    assert sky.object_ids[:3].tolist() == ["cifar10-train-00000", "cifar10-train-00001", "cifar10-train-00002"]
    assert sky.object_ids[-1] == "cifar10-test-00001"
    assert sky.catalogue["class"].tolist() == ["cat", "frog", "dog", "frog", "frog", "frog"] * 2
    assert sky.catalogue["split"].tolist() == ["train"] * 10 + ["test"] * 2
    expected = pixels(1)[1].reshape(3, 32, 32)[:, ::-1] / 255  # row 0 at the bottom
    np.testing.assert_allclose(sky.images[3], expected, atol=1e-6)


def test_a_pickle_that_would_do_something_is_refused(python_files, tmp_path):
    class Bad:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "done"),)

    (python_files / "data_batch_2").write_bytes(pickle.dumps({b"data": Bad()}, protocol=3))
    with pytest.raises(ValueError, match=r"got .*data_batch_2: it asks for (posix|nt)\.mkdir, and might do anything"):
        cifar10(python_files)
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_cifar10_that_is_cut_short_is_named(cifar, name):
    (file,) = cifar.glob(f"{name}*")
    file.write_bytes(file.read_bytes()[:3000])
    with pytest.raises(ValueError, match=f"got .*{name}"):
        cifar10(cifar)


def test_a_missing_file_of_cifar10_is_named(cifar):
    (file,) = cifar.glob("data_batch_3*")
    file.unlink()
    with pytest.raises(FileNotFoundError, match="path: expected data_batch_3"):
        cifar10(cifar)


@pytest.mark.parametrize(
    ("batch", "what"),
    [
        ({b"labels": [0], b"data": pixels(0)}, "labels and data of 3072 bytes each"),
        ({b"labels": [0, -1], b"data": pixels(0)}, "labels and data"),
        ({b"labels": [0, 1], b"data": pixels(0).astype(float)}, "labels and data"),
        ({}, "labels and data"),
        ({b"labels": [0, 7], b"data": pixels(0)}, "labels below 3, got 7"),
        ([1], "a file of CIFAR-10"),
    ],
)
def test_what_a_batch_of_cifar10_cannot_be_is_named(python_files, batch, what):
    (python_files / "test_batch").write_bytes(pickle.dumps(batch, protocol=2 if batch == [1] else 3))
    with pytest.raises(ValueError, match=f"path: expected {what}.*test_batch"):
        cifar10(python_files)


def picture(width, height, seed):
    out, rng = io.BytesIO(), np.random.default_rng(seed)
    Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def birds(tmp_path):
    """The files of CUB-200-2011, with two birds of two kinds; PNG inside .jpg names, so that pixels are known."""
    folder = tmp_path / "CUB_200_2011"
    names = ["001.Albatross/Albatross_0001_1.jpg", "002.Wren/Wren_0007_2.jpg"]
    for k, name in enumerate(names):
        (folder / "images" / name).parent.mkdir(parents=True)
        (folder / "images" / name).write_bytes(picture(20, 12, k))
    lists = {
        "images": [f"{k + 1} {name}" for k, name in enumerate(names)],
        "classes": ["1 001.Albatross", "2 002.Wren"],
        "image_class_labels": ["2 2", "1 1"],  # in another order
        "train_test_split": ["1 0", "2 1"],
        "bounding_boxes": ["1 4.0 3.0 6.0 4.0", "2 16.0 0.0 4.0 4.0"],
    }
    for name, lines in lists.items():
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return folder


def test_cub200_becomes_a_sky(birds, tmp_path):
    with pytest.warns(UserWarning, match="2 of 2 pictures are not square: padded with pixels that are not covered"):
        sky = sky_of(find_classes(birds), tmp_path / "sky", 20)
    whole = np.asarray(Image.open(birds / "images" / "001.Albatross" / "Albatross_0001_1.jpg"))
    np.testing.assert_array_equal(sky.images.raw[0][:, 4:16], whole.transpose(2, 0, 1)[:, ::-1])  # not squeezed
    assert sky.coverage[0].all(axis=(0, 2)).tolist() == [False] * 4 + [True] * 12 + [False] * 4
    assert sky.object_ids.tolist() == ["Albatross_0001_1", "Wren_0007_2"]
    assert sky.catalogue["class"].tolist() == ["001.Albatross", "002.Wren"]
    assert sky.catalogue["split"].tolist() == ["test", "train"]


def test_a_bird_is_cut_out_with_a_square_around_its_box(birds):
    cut = list(cub200(birds, boxes=True).read())
    whole = [np.asarray(Image.open(file)) for file in sorted((birds / "images").glob("*/*"))]
    np.testing.assert_array_equal(cut[0], whole[0][2:8, 4:10])
    np.testing.assert_array_equal(cut[1], whole[1][0:4, 16:20])


def test_a_broken_bird_is_named_where_its_box_is_cut_out(birds, tmp_path):
    (birds / "images" / "002.Wren" / "Wren_0007_2.jpg").write_bytes(picture(20, 12, 1)[:200])
    bad = write_pictures(tmp_path / "sky", cub200(birds, boxes=True), size=4, skip_bad=True)
    assert list(bad) == ["Wren_0007_2"]
    assert CutoutSet.open(tmp_path / "sky").object_ids.tolist() == ["Albatross_0001_1"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train_test_split", "1 0\n", "train_test_split.txt: expected a line for image 2"),
        ("image_class_labels", "1 1\n2 9\n", "classes.txt: expected the class '9'"),
        ("bounding_boxes", "1 4 3 6 4\n2 16 0\n", "bounding_boxes.txt: expected 5 words a line, got '2 16 0'"),
        ("images", "", "images.txt: expected 2 words a line, got 'no line'"),
    ],
)
def test_a_bad_list_of_cub200_is_named(birds, name, content, message):
    (birds / f"{name}.txt").write_text(content)
    with pytest.raises(ValueError, match=message):
        cub200(birds, boxes=True)


def test_a_missing_bird_is_named(birds):
    (birds / "images" / "002.Wren" / "Wren_0007_2.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"images: expected .*Wren_0007_2.jpg, which images.txt lists"):
        cub200(birds)


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "pictures"
    for k, name in enumerate(["train/cat/0001.png", "train/dog/0001.png", "test/cat/0001.png"]):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(picture(8, 8, k))
    (folder / "notes.txt").write_text("no picture")
    (folder / "loose.png").write_bytes(picture(8, 8, 9))
    return folder


def zipped(folder):
    out = folder.with_suffix(".zip")
    with zipfile.ZipFile(out, "w") as archive:
        for file in sorted(folder.rglob("*.*")):
            archive.write(file, file.relative_to(folder))
    return out


@pytest.mark.parametrize("packed", [zipped, lambda folder: folder])
def test_a_folder_a_class_becomes_a_sky_unpacked_or_not(tree, tmp_path, packed):
    sky = sky_of(folders(packed(tree)), tmp_path / "sky", 8)
    found = sky.catalogue
    assert sorted(sky.object_ids) == ["test-cat-0001", "train-cat-0001", "train-dog-0001"]
    assert found.loc["test-cat-0001", ["class", "split"]].tolist() == ["cat", "test"]
    expected = np.asarray(Image.open(tree / "train" / "dog" / "0001.png")).transpose(2, 0, 1)[:, ::-1] / 255
    row = sky.object_ids.tolist().index("train-dog-0001")
    np.testing.assert_allclose(sky.images[row], expected, atol=1e-6)


def test_without_train_and_test_there_is_no_split(tree):
    found = folders(tree / "train").catalogue
    assert found.index.tolist() == ["cat-0001", "dog-0001"]
    assert found.columns.tolist() == ["class"]


def test_what_is_no_folder_of_classes_is_refused(tmp_path):
    (tmp_path / "broken.zip").write_bytes(b"PK no")
    with pytest.raises(ValueError, match=r"path: expected a folder or a .zip file, got .*broken.zip"):
        folders(tmp_path / "broken.zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"path: expected <class>/<name>.jpg"):
        find_classes(tmp_path / "empty")
    with pytest.raises(FileNotFoundError, match="which is not there"):
        find_classes(tmp_path / "none")
    with pytest.raises(ValueError, match="boxes: expected with CUB-200"):
        find_classes(tmp_path / "empty", boxes=True)


def test_the_command_makes_a_sky(tree, tmp_path, capsys):
    out = tmp_path / "sky"
    assert main(["ingest", "classes", str(tree), "--out", str(out), "--size", "4", "--workers", "1"]) == 0
    assert "3 objects" in capsys.readouterr().out
    assert CutoutSet.open(out).images.shape == (3, 3, 4, 4)


def test_the_subset_of_cifar10(real_data):
    found = folders(real_data / "cifar10_subset" / "cifar10_3000.zip").catalogue
    assert found["split"].value_counts().to_dict() == {"train": 2000, "test": 1000}
    assert found["class"].nunique() == 10
