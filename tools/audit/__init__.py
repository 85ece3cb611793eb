"""Take stock of what trainings left behind."""
