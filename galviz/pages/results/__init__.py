"""Pages of predictions, one for each kind of task."""
