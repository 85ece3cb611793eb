"""Stable Diffusion 1.0 to 1.5, which differ in their weights alone."""

from sprite_lora.bases.family import Family


class SD1(Family):
    """One text encoder, CLIP ViT-L/14."""

    name = "sd_v1"
    label = "SD1.5"
    file_words = ("sd15", "sd14", "sd1")
    stated_names = ("sd_v1_v", "stable-diffusion-v1", "stable-diffusion-v1-5", "sd_1.5", "sd1")

    file_mark = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
    encoder_width = 768
    text_width = 768

    adapted = ((423_936, 192), (165_888, 72))
    architecture = "stable-diffusion-v1"


FAMILY = SD1()
