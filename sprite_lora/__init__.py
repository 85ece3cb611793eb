"""The library: what stages and tools share. It imports neither of them."""
