"""Diagnostics of estimates: worst slices, comparison with another run, suspect labels."""
