"""Files: which may be opened, how they are written whole, what a damaged one says."""
