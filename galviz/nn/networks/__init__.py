"""Network architectures: pixel scaling, encoders and heads."""
