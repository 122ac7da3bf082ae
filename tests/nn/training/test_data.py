import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from galviz.nn.training.data import Chunks, Samples, Steps, dihedral, kept, loader, memory_format, truths
from galviz.tasks.target import Target

RICHNESS = Target("ln_richness", "regression", ("richness",), "λ", transform="ln")
BAND = Target("band", "pretext", (), "band")


@given(st.integers(4, 200), st.integers(4, 64), st.integers(1, 4), st.integers(0, 2**31))
def test_every_epoch_shows_every_sample_once_in_batches_of_equal_size(samples, batch, epochs, seed):
    steps = Steps(samples, batch, epochs, seed)
    shown = [part for _, part in steps]
    assert len(shown) == len(steps) == steps.steps
    for epoch in range(epochs):
        parts = shown[epoch * steps.per_epoch : (epoch + 1) * steps.per_epoch]
        assert sorted(np.concatenate(parts)) == list(range(samples))
        sizes = [len(part) for part in parts]
        assert max(sizes) <= batch
        assert max(sizes) - min(sizes) <= 1


@given(st.integers(0, 29))
def test_steps_can_start_anywhere(start):
    all_steps, rest = list(Steps(30, 10, 10, 7)), list(Steps(30, 10, 10, 7, start=start))
    assert len(Steps(30, 10, 10, 7, start=start)) == 30 - start
    for (step, part), (again, same) in zip(all_steps[start:], rest, strict=True):
        assert step == again
        assert np.array_equal(part, same)


def test_processes_share_each_batch():
    alone = list(Steps(50, 16, 2, 0))
    ranks = [list(Steps(50, 16, 2, 0, rank=r, world=3)) for r in range(3)]
    for k, (_, part) in enumerate(alone):
        assert sorted(np.concatenate([rank[k][1] for rank in ranks])) == sorted(part)


def test_seeds_and_epochs_change_the_order():
    first, second = list(Steps(20, 20, 2, 0))
    other = next(iter(Steps(20, 20, 2, 1)))
    assert not np.array_equal(first[1], second[1])
    assert not np.array_equal(first[1], other[1])


def test_too_small_batches_are_refused():
    with pytest.raises(ValueError, match="batch: expected at least 2 samples a step and process, got 9 samples in 9"):
        Steps(9, 1, 1, 0)


@given(st.integers(1, 60), st.integers(1, 16), st.integers(1, 3))
def test_chunks_of_all_processes_in_turn_are_in_order(samples, batch, world):
    ranks = [[part for _, part in Chunks(samples, batch, rank=r, world=world)] for r in range(world)]
    turns = [rank[k] for k in range(len(ranks[0])) for rank in ranks if k < len(rank)]
    assert np.array_equal(np.concatenate(turns), np.arange(samples))
    assert [len(rank) for rank in ranks] == [len(Chunks(samples, batch, rank=r, world=world)) for r in range(world)]


def test_a_batch_holds_the_objects_it_names(tiny_sky):
    rows = np.array([7, 2, 9])
    samples = Samples(tiny_sky.images, rows, truths(tiny_sky, RICHNESS))
    batch = samples[5, np.array([2, 0])]
    assert batch["step"] == 5
    assert np.array_equal(batch["images"], tiny_sky.images[np.array([9, 7])])
    assert np.allclose(batch["truth"][:, 0], np.log(tiny_sky.catalogue["richness"].iloc[[9, 7]]))


def test_a_band_is_shown_alone_with_its_number(tiny_sky):
    samples = Samples(tiny_sky.images, np.array([7, 2]), truths(tiny_sky, BAND))
    assert len(samples) == 10
    batch = samples[0, np.array([8, 0, 3])]
    assert batch["truth"].tolist() == [3, 0, 3]
    expected = np.stack([tiny_sky.images[2][3], tiny_sky.images[7][0], tiny_sky.images[7][3]])
    assert np.array_equal(batch["images"][:, 0], expected)


def test_stored_images_give_the_same_batches_as_those_in_memory(tiny_sky, tmp_path):
    stored = type(tiny_sky).open(tiny_sky.save(tmp_path / "sky"))
    assert isinstance(kept(stored), np.ndarray)
    lazy, fast = (Samples(i, np.arange(12), truths(stored, RICHNESS)) for i in (stored.images, kept(stored)))
    which = np.array([11, 3, 3, 0])
    assert torch.equal(lazy[0, which]["images"], fast[0, which]["images"])


@pytest.fixture
def stored(tiny_sky, tmp_path):
    """Samples that are read from the disk."""
    sky = type(tiny_sky).open(tiny_sky.save(tmp_path / "sky"))
    return Samples(sky.images, np.arange(12), truths(sky, RICHNESS))


def test_images_that_are_not_kept_are_read_ahead_in_order(tiny_sky, stored):
    batches = loader(stored, Chunks(12, 1))
    assert len(batches) == 12
    images = torch.cat([batch["images"] for batch in batches])
    assert np.array_equal(images, tiny_sky.images[:])


def test_only_a_few_batches_are_read_ahead(stored, monkeypatch):
    read, whole = [], Samples.__getitem__
    monkeypatch.setattr(Samples, "__getitem__", lambda self, item: read.append(item[0]) or whole(self, item))
    batches = iter(loader(stored, Steps(12, 2, 50, 0)))
    next(batches)
    batches._dataset_fetcher.dataset_iter.close()  # as at the end of a training that is stopped
    assert 0 in read
    assert len(read) <= 6


def test_an_error_of_reading_ahead_stands_where_its_batch_would(stored, monkeypatch):
    whole = Samples.__getitem__

    def broken(self, item):
        if item[0] == 3:
            raise ValueError("sky: expected a whole sky")
        return whole(self, item)

    monkeypatch.setattr(Samples, "__getitem__", broken)
    batches = iter(loader(stored, Chunks(12, 2)))
    assert [next(batches)["step"] for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="expected a whole sky"):
        next(batches)


def test_the_square_has_eight_symmetries():
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    views = [dihedral(image, torch.tensor(k)) for k in range(8)]
    assert torch.equal(views[0], image)
    assert len({tuple(view.flatten().tolist()) for view in views}) == 8
    rotated = {tuple(torch.rot90(image, k, (2, 3)).flatten().tolist()) for k in range(4)}
    assert rotated <= {tuple(view.flatten().tolist()) for view in views}


def test_each_image_is_turned_by_its_own_symmetry():
    images = torch.randn(8, 2, 5, 5)
    together = dihedral(images, torch.arange(8))
    for k in range(8):
        assert torch.equal(together[k : k + 1], dihedral(images[k : k + 1], torch.tensor(k)))


@pytest.mark.parametrize("width", [5, 4])
def test_one_symmetry_for_all_images_is_that_of_each(width):
    images = torch.randn(3, 2, 5, width)
    for k in range(8):
        assert torch.equal(dihedral(images, k), dihedral(images, torch.full((3,), k)))


def test_votes_are_learned_together(tiny_sky):
    found = truths(tiny_sky, Target("z", "votes", ("richness", "z"), "vote"))
    np.testing.assert_array_equal(found, tiny_sky.catalogue[["richness", "z"]])


@pytest.mark.parametrize(
    ("widths", "device", "expected"),
    [
        ((16, 32), "cpu", torch.channels_last),
        ((16, 24), "cpu", torch.contiguous_format),
        ((4,), "cpu", torch.contiguous_format),
        ((4,), "cuda:0", torch.channels_last),
    ],
)
def test_narrow_convolutions_do_not_lie_channels_last_on_a_cpu(widths, device, expected):
    network = nn.Sequential(*(nn.Conv2d(16, width, 3) for width in widths))
    assert memory_format(network, device) == expected
    network[-1].requires_grad_(requires_grad=False)  # without gradients nothing is unsafe
    assert memory_format(network, device) == torch.channels_last
