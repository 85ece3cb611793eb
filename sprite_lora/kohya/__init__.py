"""kohya sd-scripts: its flags, their defaults and effects, and the metadata that it writes."""
