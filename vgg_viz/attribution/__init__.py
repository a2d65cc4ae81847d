"""Attributions: where in the photo a class score comes from."""
