"""Views of predictions, one for each kind of target."""
