"""The local sd-scripts that the backend `kohya` runs."""
