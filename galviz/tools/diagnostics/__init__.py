"""Where estimates are worst: slices, another run, suspect labels."""
