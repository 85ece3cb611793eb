"""People rate pairs of the drawn pictures."""
