"""Missing bands, filled in by best fits."""
