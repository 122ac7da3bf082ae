"""Training runs: the recipe of a training, the run folder, its predictions, and the folds."""
