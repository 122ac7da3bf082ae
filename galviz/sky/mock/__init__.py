"""Synthetic skies with known truth, drawn after GalSim's profiles with the seeing and noise of SDSS."""

from galviz.sky.mock.embedded import write_embedded_sky
from galviz.sky.mock.galaxies import write_inpainting_sky
from galviz.sky.mock.members import write_members_sky
from galviz.sky.mock.metallicity import write_metallicity_sky
from galviz.sky.mock.sky import richness_sky, write_richness_sky
from galviz.sky.mock.zoo import write_mergers_sky

__all__ = [
    "richness_sky",
    "write_embedded_sky",
    "write_inpainting_sky",
    "write_members_sky",
    "write_mergers_sky",
    "write_metallicity_sky",
    "write_richness_sky",
]
