"""A colour–magnitude diagram with a red sequence to drag, and the scores of each region of it."""
