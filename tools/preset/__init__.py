"""Put a preset, or a configuration of another tool, into params.yaml."""
