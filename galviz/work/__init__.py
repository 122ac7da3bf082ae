"""Slow work outside the page: training processes, the queue for devices, sweeps, and Dask with its worker functions."""
