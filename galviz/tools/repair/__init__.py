"""Inpainting: missing bands, filled in by best fits of a generator."""
