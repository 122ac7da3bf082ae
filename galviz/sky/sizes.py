"""Default sizes of synthetic cutouts."""

SIZES = {"inpainting": 32, "mergers": 68, "richness": 64}
"""Kinds of synthetic skies, and the default side of a cutout in pixels."""
