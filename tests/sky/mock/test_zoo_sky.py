import numpy as np
import pytest

from galviz.sky import galaxy_zoo
from galviz.sky.cutouts import CutoutSet
from galviz.sky.galaxy_zoo import COLUMNS, PARENTS, SLICES
from galviz.sky.mock import morphology, pictures, zoo
from galviz.sky.mock.morphology import KINDS, cast_votes, draw_galaxy, fractions
from galviz.sky.mock.parts import random_of


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    path = tmp_path_factory.mktemp("zoo") / "sky"
    return CutoutSet.open(zoo.write_mergers_sky(path, 400, size=32, seed=3))


@pytest.fixture(scope="module")
def galaxies():
    return [draw_galaxy(np.random.default_rng((7, k))) for k in range(4000)]


def of(galaxies, kind):
    return [g for g in galaxies if g.kind == kind]


def at(name):
    return COLUMNS.index(name)


def test_what_a_sky_holds(sky):
    assert sky.images.shape == (400, 3, 32, 32)
    assert sky.images.raw.dtype == np.uint8
    assert (sky.unit, sky.origin) == ("display", "synthetic sky")
    assert sky.object_ids[1] == "zoo-3-000001"
    assert {*COLUMNS, "is_merger", "redshift", "colour", "radius"} <= set(sky.catalogue.columns)
    assert len(galaxy_zoo.broken_sums(sky.catalogue, 1e-9)) == 0
    pixels = sky.images[:]
    assert pixels[:, :, 12:20, 12:20].mean() > 3 * pixels[:, :, :4].mean()
    assert len(np.unique(pixels.reshape(400, -1), axis=0)) == 400  # no galaxy twice


def test_a_galaxy_depends_on_its_number_alone(sky, tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "_BATCH", 3)
    monkeypatch.setattr(pictures, "_PART", 7)
    seen = []
    path = zoo.write_mergers_sky(tmp_path / "short", 10, size=32, seed=3, progress=lambda *now: seen.append(now))
    short = CutoutSet.open(path)
    same = sky.select(short.object_ids)
    np.testing.assert_array_equal(short.images.raw[:], same.images.raw[:])
    assert short.catalogue.equals(same.catalogue)
    assert seen[-1] == (10, 10)
    other, _ = zoo.draw_one(random_of(4, 0), 32)
    assert (other != sky.images.raw[0]).any()


@pytest.mark.slow
def test_several_processes_draw_the_same(sky, tmp_path):
    path = zoo.write_mergers_sky(tmp_path / "two", 40, size=32, seed=3, workers=2)
    two = CutoutSet.open(path)
    np.testing.assert_array_equal(two.images.raw[:], sky.select(two.object_ids).images.raw[:])


def test_all_kinds_are_there_and_mergers_grow_with_redshift(galaxies):
    assert {g.kind for g in galaxies} == set(KINDS)
    z, merges = np.array([g.z for g in galaxies]), np.array([g.kind == "merger" for g in galaxies])
    assert 0.03 < merges.mean() < 0.065
    assert morphology._MERGERS * 1.2**3 > 1.5 * morphology._MERGERS
    radius, brightness = np.array([(g.radius, g.brightness) for g in galaxies]).T
    near, far = z < np.median(z), z >= np.median(z)
    assert radius[near].mean() > 1.1 * radius[far].mean()
    assert brightness[near].mean() > 1.2 * brightness[far].mean()


def test_answers_of_each_question_sum_to_1(galaxies):
    for galaxy in galaxies[:200]:
        own = fractions(galaxy, 68)
        assert (own >= 0).all()
        assert [own[part].sum() for part in SLICES] == pytest.approx([1] * 11)


def test_people_see_what_is_drawn(galaxies):
    """The mean votes of each kind say what it is."""
    own = {kind: np.mean([fractions(g, 68) for g in of(galaxies, kind)], axis=0) for kind in KINDS}
    assert own["smooth"][at("Class1.1")] > 0.8
    assert own["artefact"][at("Class1.3")] > 0.8
    assert own["edge-on"][at("Class2.1")] > 0.8
    assert own["disc"][at("Class2.1")] < 0.3
    assert own["merger"][at("Class6.1")] > 0.5
    assert own["smooth"][at("Class6.1")] < 0.2
    assert own["merger"][at("Class8.6")] > 0.5
    assert own["irregular"][at("Class8.4")] > 0.5
    spirals = [g for g in of(galaxies, "disc") if g.arms > 0.8 and g.radius > 0.12]
    assert np.mean([fractions(g, 68)[at("Class4.1")] for g in spirals]) > 0.7
    three = [g for g in spirals if g.number == 3]
    assert np.mean([fractions(g, 68) for g in three], axis=0)[SLICES[10]].argmax() == 2


def test_chance_companions_are_taken_for_mergers_by_some(galaxies):
    chance = [g for g in galaxies if g.kind == "smooth" and g.companion[3] > 0.6]
    alone = [g for g in galaxies if g.kind == "smooth" and g.companion[3] == 0]

    def merger(g):
        own = fractions(g, 68)
        return own[at("Class6.1")] * own[at("Class8.6")]

    doubted = [merger(g) for g in chance]
    assert 0.1 < np.mean(doubted) < 0.45
    assert np.mean([merger(g) for g in alone]) < 0.03
    assert min(doubted) < 0.3 < max(doubted)  # the threshold of the paper takes some of them


def test_votes_are_counts_of_volunteers():
    rng, own = np.random.default_rng(0), fractions(draw_galaxy(np.random.default_rng((7, 1))), 68)
    many = np.array([cast_votes(own, 40, rng) for _ in range(400)])
    np.testing.assert_allclose(galaxy_zoo.sum_errors(many), 0, atol=1e-12)
    np.testing.assert_allclose(many.mean(axis=0), galaxy_zoo.cumulative(own[None])[0], atol=0.03)
    first = many[:, 0]
    np.testing.assert_allclose(first * 40, np.round(first * 40), atol=1e-9)
    assert first.std() == pytest.approx(np.sqrt(own[0] * (1 - own[0]) / 40), rel=0.2)


def test_where_all_see_a_star_nothing_is_odd():
    own = np.full(37, np.nan)
    for part in SLICES:
        own[part] = 1 / (part.stop - part.start)
    own[:3] = 0, 0, 1
    found = cast_votes(own, 30, np.random.default_rng(0))
    assert found[2] == 1
    assert found[SLICES[5]].tolist() == [0, 1]
    assert np.isfinite(found).all()
    for part, parent in zip(SLICES, PARENTS, strict=True):
        assert found[part].sum() == pytest.approx(1 if parent is None else found[parent])


def test_pictures_differ_as_their_galaxies(galaxies):
    rng = np.random.default_rng(0)
    red = zoo.paint(next(g for g in of(galaxies, "smooth") if g.companion[3] == 0), 32, rng).sum(axis=(1, 2))
    blue = zoo.paint(next(g for g in of(galaxies, "disc") if g.arms > 0.7), 32, rng).sum(axis=(1, 2))
    assert blue[2] / blue[0] > 1.2 * red[2] / red[0]


def test_what_is_out_of_range_is_refused(tmp_path):
    with pytest.raises(ValueError, match="n: expected a whole number of at least 1, got 0"):
        zoo.write_mergers_sky(tmp_path / "sky", 0)
    with pytest.raises(FileExistsError, match="path: expected a new folder"):
        zoo.write_mergers_sky(tmp_path, 3)
