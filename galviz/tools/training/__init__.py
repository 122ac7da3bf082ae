"""The progress of a training."""
