"""Export of the selected objects: as a file, as Python, to other programs."""
