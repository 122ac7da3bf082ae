"""Slow work outside of the page: trainings as processes, the queue, Dask and what its workers run."""
