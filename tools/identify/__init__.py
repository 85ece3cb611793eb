"""Say what a model file or a picture is."""
