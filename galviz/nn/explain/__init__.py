"""Why a network answers as it does: occlusion, gradients, Grad-CAM."""
