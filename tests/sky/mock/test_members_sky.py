"""The synthetic sky of cluster members: its fields, its physics, and how much its colours say."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from galviz.measure.red_sequence import fit_red_sequence
from galviz.nn.baselines.members import forest
from galviz.runs.folds import assign_folds
from galviz.sky.cutouts import CutoutSet
from galviz.sky.mock import members as drawn
from galviz.sky.mock.parts import random_of
from galviz.sky.perseus import SHORT, membership, spectroscopic_class


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    path = tmp_path_factory.mktemp("members") / "sky"
    return CutoutSet.open(drawn.write_members_sky(path, 300, size=32, seed=3))


@pytest.fixture(scope="module")
def table():
    """The catalogue of 4,800 objects, whose pictures are not drawn."""
    rows = []
    for number in range(4800):
        rng, field = random_of(0, number), drawn.draw_field(0, drawn.field_of(number))
        rows.append(drawn.measured(drawn.draw_source(field, rng, 0.03), field, rng))
    return pd.DataFrame(rows)


def test_what_a_sky_holds(sky):
    assert sky.images.shape == (300, 3, 32, 32)
    assert sky.images.raw.dtype == np.uint8
    assert (sky.unit, sky.origin, sky.bands) == ("display", "synthetic sky", ("red", "green", "blue"))
    assert sky.pixel_scale == pytest.approx(np.full(300, 25.344 / 32))
    assert sky.object_ids[1] == "member-3-000001"
    wanted = "field ra dec offset_arcmin r g_r g_z class member z_spec kind extent"
    assert list(sky.catalogue) == wanted.split()
    pixels = sky.images[:]
    assert pixels[:, :, 12:20, 12:20].mean() > 2 * pixels[:, :, :3].mean()
    assert len(np.unique(pixels.reshape(300, -1), axis=0)) == 300


def test_an_object_depends_on_its_number_alone(sky, tmp_path, monkeypatch):
    monkeypatch.setattr(drawn, "_BATCH", 3)
    monkeypatch.setattr(drawn, "_PART", 7)
    seen = []
    path = drawn.write_members_sky(tmp_path / "short", 10, size=32, seed=3, progress=lambda *now: seen.append(now))
    short = CutoutSet.open(path)
    same = sky.select(short.object_ids)
    np.testing.assert_array_equal(short.images.raw[:], same.images.raw[:])
    pd.testing.assert_frame_equal(short.catalogue, same.catalogue)
    assert seen[-1] == (10, 10)


def test_eight_fields_are_filled_at_a_time_with_sixty_objects_each():
    fields = pd.Series([drawn.field_of(number) for number in range(960)])
    assert fields.value_counts().to_dict() == dict.fromkeys(range(16), 60)
    assert set(fields[:480]) == set(range(8))
    assert fields[:9].tolist() == [*range(8), 0]  # a small sky has several fields too, as folds need them


def test_objects_lie_in_their_field_as_far_from_its_centre_as_they_say(table):
    for name, objects in table.groupby("field"):
        field = drawn.draw_field(0, int(name[-3:]))
        north, east = objects["dec"] - field.dec, (objects["ra"] - field.ra) * np.cos(np.radians(objects["dec"]))
        np.testing.assert_allclose(60 * np.hypot(north, east), objects["offset_arcmin"])
    assert table["offset_arcmin"].max() <= 40
    near = table[table["offset_arcmin"] < 10]
    assert near["member"].mean() > 1.2 * table["member"].mean()


def test_labels_follow_from_classes_and_spectra_agree_with_them(table):
    codes = table["class"].map({name: code for code, name in SHORT.items()})
    np.testing.assert_array_equal(membership(codes), table["member"])
    assert (table["kind"] == "merger").equals(table["member"].isna())
    assert table["member"].mean() == pytest.approx(0.3, abs=0.03)
    spectra = table[table["z_spec"].notna()]
    assert len(spectra) / len(table) == pytest.approx(1 / 3, abs=0.03)
    found = pd.Series(spectroscopic_class(spectra["z_spec"]), spectra.index)
    stars = spectra["kind"] == "star"
    assert (found[stars] == "star").all()
    assert (found[~stars] == "member").equals(spectra.loc[~stars, "kind"] == "member")


def test_stars_have_the_labels_of_galaxies(table):
    stars = table[table["kind"] == "star"]
    assert len(stars) / len(table) == pytest.approx(0.03, abs=0.01)
    assert stars["member"].mean() == pytest.approx(0.5, abs=0.15)
    assert set(stars["class"]) == {SHORT[1], SHORT[3], SHORT[5]}
    rng = np.random.default_rng(0)
    assert drawn.draw_source(drawn.draw_field(0, 0), rng, 0.0).kind != "star"


def test_the_light_of_stars_is_less_extended_than_that_of_galaxies(sky):
    star = sky.catalogue["kind"] == "star"
    assert star.sum() > 3
    assert sky.catalogue.loc[star, "extent"].max() < sky.catalogue.loc[~star, "extent"].quantile(0.1)


def test_members_lie_on_the_red_sequence_and_galaxies_behind_beyond_and_below_it(table):
    bright = table[(table["r"] < 18) & (table["kind"] != "star")]
    members = bright[bright["kind"] == "member"]
    for name, slope, scatter in (("g_r", -0.022, 0.035), ("g_z", -0.04, 0.06)):
        fit = fit_red_sequence(members["r"], members[name], n=0)
        assert fit.sequence.slope == pytest.approx(slope, abs=0.012)
        assert scatter < fit.sequence.scatter < 1.7 * scatter
    middle = bright.groupby("kind")["g_r"].median()
    assert middle["spiral"] < middle["faint arms"] < middle["member"] < middle["background early type"]


def test_colours_tell_members_with_an_f1_of_seven_tenths(table):
    """A forest on r, g − r and g − z, whole fields held out, as the baseline of the study."""
    known = table[table["member"].notna()]
    fold = assign_folds(known["field"].to_numpy(), 5)
    features, truth = known[["r", "g_r", "g_z"]].to_numpy(), known["member"].to_numpy()
    given = np.zeros(len(known))
    for k in range(5):
        given[fold == k] = forest().set_params(n_estimators=60).fit(features[fold != k], truth[fold != k]).predict(
            features[fold == k]
        )  # fmt: skip
    assert f1_score(truth, given) == pytest.approx(0.69, abs=0.04)


def source(**changes):
    field = drawn.draw_field(0, 0)
    one = {"kind": "member", "z": 0.02, "r": 17.0, "g_r": 0.68, "g_z": 1.1, "r_i": 0.36, "radius": 4.0, "sersic": 1.0}
    return drawn.Source(**one | {"axis_ratio": 0.8, "angle": 0.3, "arms": 0.0} | changes), field


def painted(**changes):
    return drawn.paint(*source(**changes), 48, np.random.default_rng(2))


def test_pictures_show_what_is_drawn():
    plain = painted()
    red, faint = painted(g_r=1.18), painted(r=18.0)
    assert red[2].sum() / plain[2].sum() == pytest.approx(10**-0.2, rel=0.1)
    assert red[1].sum() == pytest.approx(plain[1].sum())
    assert faint[1].sum() < 0.6 * plain[1].sum()
    assert painted(radius=1.2, sersic=4.0)[1].max() > 3 * plain[1].max()
    assert painted(kind="star")[1].max() > painted(radius=1.2, sersic=4.0)[1].max()

    def lopsided(light):
        return np.abs(light - light[:, ::-1]).sum() / light.sum()

    spiral = painted(kind="spiral", arms=0.9, axis_ratio=1.0)
    assert lopsided(spiral[2]) > 1.5 * lopsided(painted(axis_ratio=1.0)[2])
    assert lopsided(painted(kind="merger")[1]) > 1.5 * lopsided(plain[1])


def test_what_is_out_of_range_is_refused(tmp_path):
    with pytest.raises(ValueError, match="size: expected a whole number of at least 8, got 4"):
        drawn.write_members_sky(tmp_path / "sky", 3, size=4)
    with pytest.raises(ValueError, match="stars: expected a fraction from 0 to below 1, got 1"):
        drawn.write_members_sky(tmp_path / "sky", 3, stars=1)
    with pytest.raises(FileExistsError, match="path: expected a new folder"):
        drawn.write_members_sky(tmp_path, 3)
