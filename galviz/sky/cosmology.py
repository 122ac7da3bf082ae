"""The default cosmology for lengths on the sky."""

from astropy.cosmology import FlatLambdaCDM

COSMOLOGY = FlatLambdaCDM(H0=70, Om0=0.3)
"""H₀ = 70 km/s/Mpc, Ωₘ = 0.3; lengths are proper, not comoving."""
