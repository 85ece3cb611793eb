"""The loss of a batch."""

import torch


def picture_losses(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean squared error per picture, float32: (B, C, H, W) to (B)."""
    return (predicted.float() - target.float()).square().mean(dim=(1, 2, 3))


def min_snr_weights(snr: torch.Tensor, gamma: float, v_prediction: bool) -> torch.Tensor:
    """min(SNR, gamma) / SNR, over SNR + 1 where the velocity is predicted (Hang et al., arXiv:2303.09556)."""
    return snr.clamp(max=gamma) / (snr + 1 if v_prediction else snr)


def loss_weights(own: torch.Tensor, snr: torch.Tensor, min_snr_gamma: float | None, v_prediction: bool) -> torch.Tensor:
    """What each picture's loss is multiplied with before the batch's mean is taken: (B).

    `own`: prior_loss_weight for regularisation pictures, 1 for the others. A gamma of None or 0 is no min-SNR weight.
    """
    return own * min_snr_weights(snr, min_snr_gamma, v_prediction) if min_snr_gamma else own
