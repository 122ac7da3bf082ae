"""Applying trained networks to cutouts."""
