"""Occlusion maps: which parts of an image a network relies on."""
