"""Does a picture have the parts that training sprites have, where they have them?

Contours and shading of the sprites are each described by their principal components, as PaDiM and PCA-based anomaly
detection do with features of photographs (Defard et al. 2021, https://arxiv.org/abs/2011.08785): what the components
leave over at a place tells how strange the picture is there. It is counted in standard deviations of what they leave
over of sprites that were left out, so that a new combination of known parts is no fault. Places where sprites
resemble one another, a portrait's face, count most. A picture may lie one cell beside the sprites.
"""
