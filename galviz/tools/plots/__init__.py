"""Plots of any columns, in which objects can be selected."""
