"""Are the things that a prompt names drawn as named? What they look like, and where, is learned from captions."""
