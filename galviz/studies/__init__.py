"""Studies: one module per paper, with its target and recipes, and functions to load, build, train and predict."""
