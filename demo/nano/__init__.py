"""Build models/nano, the demo's base model."""
