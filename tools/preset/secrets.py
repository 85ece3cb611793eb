"""Keys and texts of a foreign configuration that must not be printed."""

import re

KEY = re.compile(
    r"api_?key|(huggingface|hf|access|auth|bearer|wandb|user)_token|^token$|secret|passw|credential", re.IGNORECASE
)
"""Names of settings that hold secrets: huggingface_token, wandb_api_key."""

TEXT = re.compile(
    r"\bhf_[A-Za-z0-9]{16,}|\b(sk|ghp|gho|glpat|xox[bp])[-_][A-Za-z0-9_-]{16,}|\b[0-9a-f]{40}\b|://[^/\s@]+@"
)
"""What tokens look like (Hugging Face, wandb, others), and a URL with a password."""


def is_secret(key: str, value: object) -> bool:
    """Whether a setting is not to be copied or printed."""
    return bool(KEY.search(key) or TEXT.search(str(value)))
