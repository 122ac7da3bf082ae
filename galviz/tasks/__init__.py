"""Targets: which catalogue columns are learned, and as which kind of task."""
