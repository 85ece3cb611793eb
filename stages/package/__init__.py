"""Enlarge the sprites and lay them out as kohya reads them."""
