"""How a network is trained and what came of it: recipe, run folder, predictions, folds."""
