"""The catalogue of cluster galaxies, cleaned as on the slides of Pruitt & Romanowsky."""

import numpy as np
import pandas as pd
import pytest

from galviz.measure.cluster_galaxies import clean
from galviz.sky.perseus import CLASSES, SHORT


def perseus(n=400):
    """A catalogue as that of Wittmann et al. (2019): numbers of classes, magnitudes, a red sequence without slope."""
    rng = np.random.default_rng(2)
    table = pd.DataFrame(index=[f"PCC-{k:04d}" for k in range(n)])
    table["class"], table["r"] = rng.integers(0, 7, n), rng.uniform(17, 21, n)
    colour = np.where(rng.random(n) < 0.7, rng.normal(1.1, 0.05, n), rng.normal(0.5, 0.15, n))
    colour[:20] = 1.8
    table["g"] = table["r"] + 0.7
    table["z"] = table["g"] - colour
    return table


def test_a_catalogue_is_cleaned_as_on_the_slides():
    given = perseus()
    cleaned = clean(given)
    bright = given["r"] < 19.4
    red = np.arange(400) < 20
    assert (cleaned.reasons[~bright] == "not r < 19.4").all()
    assert (cleaned.reasons[bright & red] == "not less than 3 σ redder than the red sequence").all()
    kept = cleaned.table[cleaned.reasons == ""]
    assert (bright & ~red).sum() - 3 <= len(kept) <= (bright & ~red).sum()  # a few of the sequence are beyond 3 σ
    assert kept.loc[kept["member"] == 1, "class"].str.contains("dE/ETG").all()
    assert set(kept.loc[kept["member"].isna(), "class"]) == {SHORT[4]}
    assert cleaned.table["g_z"].tolist() == (given["g"] - given["z"]).tolist()
    assert cleaned.table["g_r"].to_numpy() == pytest.approx(0.7)
    assert "g − z = 1.09" in cleaned.notes[0]
    left = f"r < 19.4: {bright.sum()} left; less than 3 σ redder than the red sequence: {len(kept)} left"
    assert cleaned.notes[1] == f"400 objects; {left}"
    assert cleaned.notes[2].startswith(f"{int((kept['member'] == 1).sum())} members, ")


def test_names_of_classes_and_colours_are_taken_as_well():
    given = perseus()
    named = given.assign(g_z=given["g"] - given["z"], **{"class": given["class"].map(CLASSES)}).drop(columns=["g", "z"])
    one, other = clean(given), clean(named)
    assert one.table[["class", "member", "g_z"]].equals(other.table[["class", "member", "g_z"]])
    assert (one.reasons == other.reasons).all()


def test_what_a_catalogue_lacks_is_named():
    given = perseus()
    with pytest.raises(
        ValueError, match=r"table: expected a column 'class', got r, g, z. Name it: --column class=COLUMN"
    ):
        clean(given.drop(columns="class"))
    with pytest.raises(ValueError, match="expected a column 'z', got class, r, g"):
        clean(given.drop(columns="z"))
    with pytest.raises(ValueError, match=r"expected magnitudes in z, got 0.02, as of redshifts"):
        clean(given.assign(z=0.02))
    with pytest.raises(ValueError, match=r"expected numbers from 0 to 6, or names such as '3 dE/ETG', got 'spiral'"):
        clean(given.assign(**{"class": "spiral"}))
