"""A synthetic sky with known truth: tables of what is there, drawn by GalSim with SDSS's blur and noise."""

from galviz.sky.mock.embedded import write_embedded_sky
from galviz.sky.mock.galaxies import write_inpainting_sky
from galviz.sky.mock.sky import richness_sky, write_richness_sky
from galviz.sky.mock.zoo import write_mergers_sky

__all__ = ["richness_sky", "write_embedded_sky", "write_inpainting_sky", "write_mergers_sky", "write_richness_sky"]
