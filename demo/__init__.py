"""The demo alone: the sample set's portraits, and the building of its base model. No run of your own needs it."""
