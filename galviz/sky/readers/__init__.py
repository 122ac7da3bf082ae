"""Readers for astronomical files and published data sets, which return a `CutoutSet` or tables."""
