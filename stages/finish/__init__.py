"""Make true sprites of the selected epoch's pictures."""
