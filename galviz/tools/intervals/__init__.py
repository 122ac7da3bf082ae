"""Calibration of estimated errors: how often intervals contain the truth."""
