"""Native widgets for a notebook cell: traitlets that can be read, set and observed."""
