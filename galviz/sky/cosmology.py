"""The cosmology that lengths on the sky are measured in, unless another is given."""

from astropy.cosmology import FlatLambdaCDM

COSMOLOGY = FlatLambdaCDM(H0=70, Om0=0.3)
"""H₀ = 70 km/s/Mpc, Ωₘ = 0.3; lengths are proper, not comoving."""
