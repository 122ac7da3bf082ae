"""Explanations of predictions: occlusion, integrated gradients, Grad-CAM, and a sanity check of maps."""
