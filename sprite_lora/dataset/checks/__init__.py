"""The rules that captions, sprites and prompts are held to, and the safe repairs of captions."""
