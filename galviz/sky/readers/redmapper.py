"""Reader for redMaPPer catalogues of clusters and members in FITS.

Column names differ between releases (SDSS DR8, DES, the output of the code itself). All of them are accepted.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from astropy.coordinates import angular_separation

from galviz.io.ids import check_ids
from galviz.io.tables import NUMBERED, read_table

_ID = ("mem_match_id", "id", "object_id")
_RA, _DEC = ("ra", "raj2000"), ("dec", "dej2000")
_CLUSTERS = {
    "object_id": _ID,
    "ra": _RA,
    "dec": _DEC,
    "z": ("z_lambda", "zlambda", "z"),
    "richness": ("lambda", "lambda_chisq", "richness"),
}
_OF_CLUSTERS = {
    "z_err": ("z_lambda_err", "z_lambda_e", "e_zlambda"),
    "richness_err": ("lambda_err", "lambda_e", "lambda_chisq_e", "e_lambda"),
    "z_spec": ("z_spec", "zspec", "bcg_spec_z"),
}
_MEMBERS = {"object_id": _ID, "ra": _RA, "dec": _DEC}
_OF_MEMBERS = {
    "p_mem": ("p_mem", "pmem"),
    "p": ("p",),
    "p_free": ("p_free", "pfree"),
    "theta_l": ("theta_l", "theta_i"),
    "theta_r": ("theta_r",),
    "distance": ("r",),
}
_CENTRAL = 2.0  # arcsec; largest distance of the central galaxy from the position of the cluster


def is_fits(path: str | Path) -> bool:
    """Return whether a file name ends with ``.fit`` or ``.fits``, with or without ``.gz``."""
    return Path(str(path).lower().removesuffix(".gz")).suffix in {".fit", ".fits"}


def read_clusters(path: str | Path) -> pd.DataFrame:
    """Read a catalogue of clusters, such as ``redmapper_dr8_public_v6.3_catalog.fits``.

    Parameters
    ----------
    path : str or Path
        A FITS file whose first table has an id (MEM_MATCH_ID or ID), RA, DEC (degrees), a redshift (Z_LAMBDA, ZLAMBDA
        or Z) and a richness (LAMBDA, LAMBDA_CHISQ or RICHNESS), in any case. Packed by gzip or not.

    Returns
    -------
    pandas.DataFrame
        Indexed by `object_id` (str): ra, dec, z, richness, and if available z_err, richness_err, z_spec (NaN where the
        file has −1).

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file is damaged, a column is missing, an id is not unique, or a richness is not positive.

    References
    ----------
    Rykoff et al. (2014), ApJ 785, 104; Rykoff et al. (2016), ApJS 224, 1, section 7.
    """
    table = _read(path, "catalogue", _CLUSTERS, _OF_CLUSTERS).set_index("object_id")
    check_ids(table.index)
    bad = table.index[~(table["richness"] > 0)]
    if len(bad):
        raise ValueError(
            f"catalogue: expected a positive richness of every cluster, got {table['richness'][bad[0]]} for "
            f"{bad[0]!r} in {path}. Leave such rows out."
        )
    if "z_spec" in table:
        table["z_spec"] = table["z_spec"].where(table["z_spec"] >= 0)
    return table


def read_members(path: str | Path, clusters: pd.DataFrame) -> pd.DataFrame:
    """Read the members of clusters, such as ``redmapper_dr8_public_v6.3_members.fits``.

    Parameters
    ----------
    path : str or Path
        A FITS file whose first table has the id of the cluster (MEM_MATCH_ID or ID), RA, DEC (degrees) and P_MEM or
        PMEM, or else P: p_mem then is the product of P, P_FREE, THETA_I or THETA_L, and THETA_R, of those that are
        there, which is redMaPPer's own definition.
    clusters : pandas.DataFrame
        As returned by `read_clusters`. Members of other clusters are left out.

    Returns
    -------
    pandas.DataFrame
        One row per member: object_id (of its cluster), ra, dec, p_mem, kind (``"bcg"`` for the one nearest to the
        position of the cluster, if within 2 arcsec, else ``"member"``), and, if available, distance from the centre
        (R as in the file, h⁻¹ Mpc).

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If it is no whole FITS file, a column is missing, or no member belongs to any of the clusters.

    References
    ----------
    Rykoff et al. (2014), ApJ 785, 104, section 5.
    """
    table = _read(path, "members", _MEMBERS, _OF_MEMBERS)
    if "p_mem" not in table:
        factors = [name for name in ("p", "p_free", "theta_l", "theta_r") if name in table]
        if "p" not in table:
            raise ValueError(f"members: expected a column P_MEM, PMEM or P, got none in {path}. Give redMaPPer's file.")
        table["p_mem"] = table[factors].prod(axis=1, skipna=False)
    known = table["object_id"].isin(clusters.index)
    if not known.any():
        raise ValueError(
            f"members: expected members of the {len(clusters)} clusters of the catalogue, got none among the "
            f"{len(table)} in {path}. Give the two files of one release."
        )
    table = table[known].reset_index(drop=True)
    columns = ["object_id", "ra", "dec", "p_mem", *(["distance"] if "distance" in table else [])]
    return table[columns].assign(kind=_kinds(table, clusters))


def _kinds(members: pd.DataFrame, clusters: pd.DataFrame) -> np.ndarray:
    """Return the kind of each member: ``"bcg"`` for the central galaxy, else ``"member"``."""
    centres = clusters.loc[members["object_id"], ["ra", "dec"]].to_numpy(float)
    apart = angular_separation(*np.radians(centres.T), *np.radians(members[["ra", "dec"]].to_numpy(float).T))
    arcsec = pd.Series(np.degrees(apart) * 3600)
    nearest = arcsec.groupby(members["object_id"]).transform("min")
    return np.where((arcsec == nearest) & (arcsec < _CENTRAL), "bcg", "member")


def _read(
    path: str | Path, argument: str, needed: Mapping[str, Sequence[str]], wished: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Return columns found by their synonyms, with our names. Ids become text, other columns float64."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{argument}: expected a FITS file, got {path}, which is not there.")
    read = read_table(path, id_column=NUMBERED).table  # of members, many share the id of their cluster
    lower = {name.lower(): name for name in read.columns}
    found = {ours: [lower[name] for name in theirs if name in lower] for ours, theirs in {**needed, **wished}.items()}
    missing = [ours for ours in needed if not found[ours]]
    if missing:
        raise ValueError(
            f"{argument}: expected a column for {missing[0]} ({', '.join(needed[missing[0]]).upper()}) in {path}, "
            f"got {', '.join(read.columns)}. Give redMaPPer's file, or rename the column."
        )
    table = read[[names[0] for names in found.values() if names]].reset_index(drop=True)
    table.columns = [ours for ours, names in found.items() if names]
    ids = table.pop("object_id").astype(str).str.strip().astype(object)
    try:
        return table.astype(np.float64).assign(object_id=ids)
    except ValueError as error:
        raise ValueError(f"{argument}: expected numbers in the columns of {path}, got text ({error}).") from error
