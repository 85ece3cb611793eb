"""Are the things that a prompt names drawn as named? Where they lie and what they look like is learned from captions."""
