"""How large a drawn cutout is where no size is asked for."""

SIZES = {"inpainting": 32, "mergers": 68, "richness": 64}
"""The skies that can be drawn, and the side of a cutout, pixels."""
