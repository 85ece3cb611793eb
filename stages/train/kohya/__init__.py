"""The backend `kohya`: sd-scripts, run in its own environment."""
