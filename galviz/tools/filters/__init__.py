"""A filter for each column: a histogram or a list of values that selects objects."""
