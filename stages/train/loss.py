"""The loss of a batch."""

import torch


def picture_losses(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean squared error per picture, float32: (B, C, H, W) to (B)."""
    return (predicted.float() - target.float()).square().mean(dim=(1, 2, 3))


def min_snr_weights(snr: torch.Tensor, gamma: float, v_prediction: bool) -> torch.Tensor:
    """min(SNR, gamma) / SNR, over SNR + 1 where the velocity is predicted (Hang et al., arXiv:2303.09556)."""
    return snr.clamp(max=gamma) / (snr + 1 if v_prediction else snr)


def batch_loss(
    losses: torch.Tensor, weights: torch.Tensor, snr: torch.Tensor, gamma: float | None, v_prediction: bool
) -> torch.Tensor:
    """Mean over the batch of loss * weight * min-SNR weight, in kohya's order.

    `weights`: prior_loss_weight for regularisation pictures, 1 for the others. `gamma` None or 0: no min-SNR weight.
    """
    weighted = losses * weights
    if gamma:
        weighted = weighted * min_snr_weights(snr, gamma, v_prediction)
    return weighted.mean()
