"""Queries to SDSS: the galaxies of Wu & Boada (2019), spectra around a place, and pictures of the cutout service.

What was fetched stays in the folder: a call that was stopped goes on where it was. Needs a network connection.
"""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from galviz.io.files import write_aside
from galviz.io.web import Service
from galviz.sky.perseus import REDSHIFTS

SERVER = "https://skyserver.sdss.org/dr17/SkyServerWS"
"""Address of the web services of a data release."""

CATALOGUE = "catalogue.csv"
"""File beside the pictures."""

SPECTRA = "spectra.csv"
"""File of the spectra around a place."""

COMPACT = 0.145
"""Difference psfMag_r − cModelMag_r below which SDSS takes a source for a star, mag."""

_SQL = Path(__file__).with_name("sdss_galaxies.sql")
_SPECTRA = Path(__file__).with_name("sdss_spectra.sql")
_LARGEST = 600  # arcmin around a place
_STAR_TYPE = 6  # of PhotoObj.type; 3 is a galaxy
_MOST_ROWS = 500_000  # the service truncates without a warning
_FALLBACK_ARCSEC = 15.0  # as the paper, for galaxies without a radius
_PIXEL = 0.396  # arcsec, of SDSS
_REFUSED, _SILENT = 20, 3  # galaxies in a row that are refused, or have no answer in all tries: the service is down
_IDS = {"objID": str, "specObjID": str}  # with 18 and 19 digits, more than a float has
_MISSING = -9999  # as SDSS writes a value that is not known

Progress = Callable[[int, int], None]


def galaxy_sql() -> str:
    """Return the query for the catalogue, for SkyServer or CasJobs, without its comments."""
    return _without_comments(_SQL)


def _without_comments(file: Path) -> str:
    lines = file.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("--"))


def fetch_catalogue(
    folder: str | Path,
    *,
    parts: int = 36,
    server: str = SERVER,
    service: Service | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Fetch the galaxies with a metallicity, and keep them as ``catalogue.csv``.

    Parameters
    ----------
    folder : str or Path
        It is made if it is not there. With a catalogue in it, nothing is fetched; it may come from CasJobs.
    parts : int
        Number of requests, each for a strip in right ascension.
    server : str
        Address of the web services.
    service : Service, optional
        The client; by default it waits up to five minutes for an answer.
    progress : callable, optional
        Called with (parts fetched, all parts).

    Returns
    -------
    pandas.DataFrame
        Index ``object_id`` (SDSS's objID as text); the columns of `galaxy_sql`, with NaN for SDSS's -9999. Of several
        spectra of a galaxy, the first one counts.

    Raises
    ------
    OSError
        If the service does not answer.
    ValueError
        If it refuses the query, a strip holds more rows than it gives, or the folder has the catalogue of another
        server or query.
    """
    ends = [(360 * k / parts, 360 * (k + 1) / parts) for k in range(parts)]
    ranges = [f"G.ra >= {low:.6f} AND G.ra < {high:.6f}" for low, high in ends]
    return _fetch(folder, CATALOGUE, galaxy_sql(), ranges, server=server, service=service, progress=progress)


def spectra_sql(ra: float, dec: float, radius: float) -> str:
    """Return the query for the spectra within `radius` arcmin of a place in degrees, without its comments."""
    checks = {"ra": (ra, 0, 360), "dec": (dec, -90, 90), "radius": (radius, 0, _LARGEST)}
    for name, (got, low, high) in checks.items():
        if not low <= got <= high:
            raise ValueError(f"{name}: expected {low} to {high}, got {got!r}.")
    return _without_comments(_SPECTRA).format(ra=f"{ra:.6f}", dec=f"{dec:.6f}", radius=f"{radius:.4f}")


def fetch_spectra(
    folder: str | Path,
    ra: float,
    dec: float,
    radius: float,
    *,
    parts: int = 4,
    server: str = SERVER,
    service: Service | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Fetch the objects with a good spectrum around a place, such as a cluster, and keep them as ``spectra.csv``.

    Parameters
    ----------
    folder, server, service, progress
        As in `fetch_catalogue`. A folder holds the spectra around one place.
    ra, dec : float
        The place, degrees.
    radius : float
        Arcmin, at most 600. At the distance of Perseus, 1 Mpc is 46 arcmin.
    parts : int
        Number of requests, each for a ring of the same area.

    Returns
    -------
    pandas.DataFrame
        Index ``object_id``; specObjID, ra, dec, distance_arcmin, z_spec, z_spec_err, zWarning, spec_class, subClass,
        type, probPSF, psfMag_r, cModelMag_r, petroMag_r and modelMag of g, r, i, z. Members follow from redshifts by
        `galviz.sky.perseus.spectroscopic_class`; `star_flags` says what looks like a star.

    Raises
    ------
    OSError
        If the service does not answer.
    ValueError
        As in `fetch_catalogue`, or if a number is out of range.
    """
    edges = [radius * (k / parts) ** 0.5 for k in range(parts)]
    ends = [*edges[1:], 2 * radius]  # rounding in the service leaves nothing out
    ranges = [f"N.distance >= {low:.6f} AND N.distance < {high:.6f}" for low, high in zip(edges, ends, strict=True)]
    sql = spectra_sql(ra, dec, radius)
    return _fetch(folder, SPECTRA, sql, ranges, server=server, service=service, progress=progress)


def star_flags(table: pd.DataFrame, z: float = REDSHIFTS[0], compact: float = COMPACT) -> pd.DataFrame:
    """Return what says that an object is a star, and not a galaxy.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `fetch_spectra`. A column that it lacks gives False.
    z : float
        Stars have a lower redshift.
    compact : float
        Stars have a difference psfMag_r − cModelMag_r below this, mag: a point source has 0.

    Returns
    -------
    pandas.DataFrame
        Columns by_redshift, by_spectrum (``spec_class`` is STAR), by_type (SDSS's ``type`` is 6), by_light (compact),
        and flags, how many of them are set.

    References
    ----------
    Abazajian et al. (2004), AJ 128, 502 (SDSS takes a source with psfMag − cModelMag > 0.145 for a galaxy).
    """

    def column(name: str) -> pd.Series:
        return table[name] if name in table else pd.Series(None, table.index, dtype=object)

    light = pd.to_numeric(column("psfMag_r")) - pd.to_numeric(column("cModelMag_r"))
    flags = {
        "by_redshift": pd.to_numeric(column("z_spec")) < z,
        "by_spectrum": column("spec_class").astype(str).str.strip().str.upper() == "STAR",
        "by_type": pd.to_numeric(column("type")) == _STAR_TYPE,
        "by_light": light < compact,
    }
    found = pd.DataFrame(flags, index=table.index)
    return found.assign(flags=found.sum(axis=1))


def _fetch(
    folder: str | Path,
    name: str,
    sql: str,
    ranges: list[str],
    *,
    server: str,
    service: Service | None,
    progress: Progress | None,
) -> pd.DataFrame:
    """Fetch a table in parts, a range of the query each, and keep it in a folder."""
    folder, parts = Path(folder), len(ranges)
    whole, strips = folder / name, folder / ".strips"
    key = hashlib.sha256(f"{server}\n{sql}".encode()).hexdigest()[:8]
    source = strips / f"{whole.stem}.txt"  # of what server and query the table is
    if whole.exists() and source.exists() and source.read_text(encoding="utf-8") != key:
        raise ValueError(
            f"folder: expected no {whole.stem}, or that of {server}, got {whole}, of another server or query. "
            "Use a new folder."
        )
    if not whole.exists():
        strips.mkdir(parents=True, exist_ok=True)
        service = service or Service(pause_s=2.0, timeout_s=300.0)
        files = [strips / f"{key}-{parts}-{k:03d}.csv" for k in range(parts)]
        for k, (file, part) in enumerate(zip(files, ranges, strict=True)):
            if not file.exists():
                query = {"cmd": f"{sql}\n  AND {part}\n", "format": "csv"}
                _write(file, service.get(f"{server}/SearchTools/SqlSearch", query, _check_csv))
            if progress is not None:
                progress(k + 1, parts)
        tables = [_rows(file.read_bytes()) for file in files]
        for table, file in zip(tables, files, strict=True):
            if len(table) >= _MOST_ROWS:
                raise ValueError(f"parts: expected fewer than {_MOST_ROWS:,} rows in {file.name}. Use more parts.")
        found = pd.concat([table for table in tables if len(table)] or tables[:1]).drop_duplicates("objID")
        _write(source, key.encode())
        with write_aside(whole) as aside:
            found.to_csv(aside, index=False)
    return pd.read_csv(whole, dtype=_IDS, na_values=[_MISSING]).set_index("objID").rename_axis("object_id")


def fetch_pictures(
    folder: str | Path,
    table: pd.DataFrame,
    *,
    size: int = 128,
    server: str = SERVER,
    service: Service | None = None,
    progress: Progress | None = None,
) -> dict[str, str]:
    """Fetch the picture of each galaxy as ``<object_id>.jpg``: SDSS's i, r, g as red, green, blue.

    Parameters
    ----------
    folder : str or Path
        Pictures that it already has are not fetched again.
    table : pandas.DataFrame
        Index ``object_id``; columns ra, dec (degrees) and petroR90_r (arcsec).
    size : int
        Width and height, pixels.
    server : str
        Address of the web services.
    service : Service, optional
        The client; by default it makes at most two requests a second.
    progress : callable, optional
        Called with (galaxies done, all galaxies).

    Returns
    -------
    dict of str to str
        Galaxies whose picture could not be fetched, with the reason. Another call tries them again.

    Raises
    ------
    KeyError
        If a column is missing.
    OSError
        If the service did not answer for three galaxies in a row, or refused twenty.
    """
    for name in ("ra", "dec", "petroR90_r"):
        if name not in table:
            raise KeyError(f"table: expected a column {name!r}, got {', '.join(map(str, table.columns))}.")
    folder, service = Path(folder), service or Service()
    folder.mkdir(parents=True, exist_ok=True)
    failed: dict[str, str] = {}
    in_a_row = silent = 0
    for k, (object_id, row) in enumerate(table[["ra", "dec", "petroR90_r"]].iterrows(), 1):
        file = folder / f"{object_id}.jpg"
        if not file.exists():
            scale = picture_scale(float(row["petroR90_r"]), size)
            query = {"ra": row["ra"], "dec": row["dec"], "scale": f"{scale:.6f}", "width": size, "height": size}
            try:
                content = service.get(f"{server}/ImgCutout/getjpeg", query, _check_jpeg)
            except (OSError, ValueError) as error:
                failed[str(object_id)], in_a_row = str(error), in_a_row + 1
                silent = silent + 1 if isinstance(error, OSError) else 0  # each of them took all tries: minutes
                if in_a_row >= _REFUSED or silent >= _SILENT:
                    raise OSError(
                        f"The pictures of {in_a_row} galaxies in a row could not be fetched, the last one: {error}"
                    ) from error
            else:
                _write(file, content)
                in_a_row = silent = 0
        if progress is not None:
            progress(k, len(table))
    return failed


def picture_scale(r90: float, size: int) -> float:
    """Return the scale that the paper asks the cutout service for, 2 R90 / 0.396 / size.

    The service takes it as arcsec per pixel. So a picture is 2 / 0.396 ≈ 5 R90 wide, although the formula reads as if
    it were to be 2 R90, as in `galviz.sky.mock.metallicity`. Without a radius (NaN, or not above 0) the paper takes 15
    arcsec for 2 R90.
    """
    across = 2 * r90 if r90 > 0 else _FALLBACK_ARCSEC
    return across / _PIXEL / size


def _write(file: Path, content: bytes) -> None:
    with write_aside(file) as aside:
        aside.write_bytes(content)


def _rows(content: bytes) -> pd.DataFrame:
    """Read a table as the service writes it: ``#Table1``, names, values; or a line that says that there is none."""
    text = content.decode("utf-8", errors="replace")
    lines = text.removeprefix("#Table1").lstrip()
    if not lines or "No objects have been found" in text:
        return pd.DataFrame(columns=list(_IDS))
    table = pd.read_csv(io.StringIO(lines), dtype=_IDS, na_values=[_MISSING])
    if "objID" not in table:
        raise ValueError(f"expected a table with objID, got {text[:200]!r}")
    return table


def _check_csv(content: bytes) -> None:
    if not content.startswith(b"#Table1") and b"No objects have been found" not in content:
        raise ValueError(f"expected a table, got {content[:200].decode(errors='replace')!r}")
    _rows(content)


def _check_jpeg(content: bytes) -> None:
    if not content.startswith(b"\xff\xd8") or not content.rstrip(b"\0").endswith(b"\xff\xd9"):
        raise ValueError(f"expected a whole JPEG picture, got {len(content):,} bytes that are not one")
