"""The drill of a cutover: simulated systems of three merged provinces, every trouble of a bad night, and a proof."""
