"""The selection as a file, as lines of Python, and in other programs."""
