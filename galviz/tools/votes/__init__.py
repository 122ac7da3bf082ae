"""Figures of Galaxy Zoo's 37 vote fractions."""
