"""The starter model: a small latent diffusion model trained on pictures drawn by this package."""
