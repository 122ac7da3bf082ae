"""Training of networks: data, losses, the training loop, checkpoints and validation."""
