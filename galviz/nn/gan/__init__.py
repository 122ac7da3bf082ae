"""A GAN with an embedder, and best fits in its latent space."""
