"""Train the LoRA."""
