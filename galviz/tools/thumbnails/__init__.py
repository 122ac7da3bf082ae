"""Maps on which images of the objects replace the points."""
