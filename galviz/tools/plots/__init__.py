"""Plots of any columns in which objects are selected."""
