"""LoRAs: the network, its file, the header, the layout of its tensors, its size, names of checkpoints."""
