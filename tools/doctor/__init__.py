"""Whether a machine can do what params.yaml asks for, before it costs money."""
