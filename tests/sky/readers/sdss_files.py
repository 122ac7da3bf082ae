"""Fields made here in the layout of the SDSS archive: five rotated and offset frames with stars of known flux."""

import bz2

import numpy as np
import pandas as pd
from astropy.io import fits
from scipy.special import erf

from galviz.sky.resample import tangent_plane

BANDS = "ugriz"
SHAPE = (220, 300)  # of the frames made here
SCALE = 0.396
SIGMA = 1.6  # pixels
COLOURS = np.array([0.3, 0.8, 1.0, 1.2, 1.5])
OFFSETS = [(7.3, -4.6), (-5.2, 3.1), (0.0, 0.0), (2.4, 6.7), (-3.9, -6.2)]  # pixels, band by band
ANGLE = 41.7


def header(band, ra, dec, angle, offset):
    """Write what the archive writes: RUN, CAMCOL, FILTER, unit and tangent-plane coordinates; FIELD is not among it."""
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    cd = np.array([[-cos, sin], [sin, cos]]) * SCALE / 3600
    values = {"RUN": 1035, "CAMCOL": 6, "FILTER": band, "BUNIT": "nanomaggy", "RADECSYS": "ICRS"}
    values |= {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg"}
    values |= {"CRPIX1": SHAPE[1] / 2 + 1 + offset[0], "CRPIX2": SHAPE[0] / 2 + 1 + offset[1]}
    values |= {"CRVAL1": ra, "CRVAL2": dec, "CD1_1": cd[0, 0], "CD1_2": cd[0, 1], "CD2_1": cd[1, 0], "CD2_2": cd[1, 1]}
    return fits.Header(values | {"DATE-OBS": "1999-10-13"})


def coordinates(head):
    return tangent_plane({name.lower(): head[name] for name in head if name[:2] in {"CR", "CD"}})


def star(x, y, flux):
    """Integrate a Gaussian over each pixel, so that its sum is its flux."""
    edges = [np.arange(n + 1) - 0.5 for n in SHAPE]
    rows, columns = (np.diff(erf((e - p) / SIGMA / np.sqrt(2))) / 2 for e, p in zip(edges, (y, x), strict=True))
    return flux * rows[:, None] * columns


def write_field(folder, stars, *, field=17, ra=150.0, dec=20.0, angle=ANGLE, packed=True, sky=0.0):
    """Write five frames; `stars` has rows (ra, dec, flux in r)."""
    folder.mkdir(parents=True)
    for band, colour, offset in zip(BANDS, COLOURS, OFFSETS, strict=True):
        head = header(band, ra, dec, angle, offset)
        image = np.full(SHAPE, sky)
        for star_ra, star_dec, flux in stars:
            image += star(*coordinates(head).wcs_world2pix(star_ra, star_dec, 0), flux * colour)
        table = fits.BinTableHDU.from_columns([fits.Column("FIELD", "J", array=[field])])
        hdus = [fits.PrimaryHDU(image.astype(np.float32), head), fits.ImageHDU(np.ones(SHAPE[1], np.float32)), table]
        path = folder / f"frame-{band}-001035-6-{field:04d}.fits"
        fits.HDUList(hdus).writeto(path)
        if packed:
            path.with_suffix(".fits.bz2").write_bytes(bz2.compress(path.read_bytes()))
            path.unlink()
    return folder


def positions(rows):
    return pd.DataFrame(rows, columns=["ra", "dec"], index=pd.Index([f"id{k}" for k in range(len(rows))]))


STARS = np.array([(150.0, 20.0, 50.0), (150.004, 20.003, 80.0), (149.9965, 20.0045, 30.0)])
