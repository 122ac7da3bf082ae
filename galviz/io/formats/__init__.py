"""Table formats: each module reads a file into an Arrow table, and writes one, with units and provenance."""
