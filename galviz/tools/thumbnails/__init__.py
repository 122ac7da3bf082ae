"""Plots that show the objects themselves."""
