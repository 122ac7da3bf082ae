"""Statistics that pages and tests need: intervals, thresholds, merger rates, photo-z, slices, comparisons."""
