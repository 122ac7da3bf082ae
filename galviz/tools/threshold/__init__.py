"""A threshold over a probability: fractions, purity and completeness, merger rates."""
