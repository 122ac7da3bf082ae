"""Generative networks and best fits in their latent space."""
