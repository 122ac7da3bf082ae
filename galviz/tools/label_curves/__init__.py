"""Errors against the part of the labels that was learned from."""
