"""Draw the fixed prompts with every epoch."""
