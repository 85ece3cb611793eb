"""Write the page that a person judges from."""
