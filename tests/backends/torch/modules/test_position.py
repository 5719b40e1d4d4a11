"""Rotary positions against their definition, a product of complex numbers; grids against Hugging Face's."""

from __future__ import annotations

import pytest
import torch
from transformers.models.vit_mae.modeling_vit_mae import get_2d_sincos_pos_embed

from archwright.backends.torch.modules.position import interpolate_positions, rotary, rotary_angles, sinusoid_grid


@pytest.mark.parametrize("kind", ["pairs", "halves"])
@pytest.mark.parametrize("dim", [4, 10])
def test_rotary_is_a_complex_product(kind: str, dim: int) -> None:
    x = torch.randn(2, 5, 3 * 10)
    angles = rotary_angles(torch.tensor([[4, 0, 1, 7, 2]]), dim=dim)
    heads = rotary(x, angles, num_heads=3, kind=kind).unflatten(-1, (3, 10))
    given = x.unflatten(-1, (3, 10))
    for k in range(dim // 2):
        real, imaginary = (2 * k, 2 * k + 1) if kind == "pairs" else (k, k + dim // 2)
        factor = torch.polar(torch.ones(1, 5), angles[..., k])[..., None]
        torch.testing.assert_close(angles[0, :, k], torch.tensor([4.0, 0, 1, 7, 2]) * 10000 ** (-2 * k / dim))
        expected = torch.complex(given[..., real], given[..., imaginary]) * factor
        torch.testing.assert_close(torch.complex(heads[..., real], heads[..., imaginary]), expected)
    assert torch.equal(heads[..., dim:], given[..., dim:])


def test_sinusoid_grid_is_that_of_the_reference() -> None:
    expected = torch.from_numpy(get_2d_sincos_pos_embed(12, 5, add_cls_token=True)).float()
    torch.testing.assert_close(sinusoid_grid(side=5, dim=12)[0], expected)


def test_a_grid_of_given_rows_is_resized_along_each_axis() -> None:
    table = torch.randn(1, 1 + 3 * 8, 4)
    assert torch.equal(interpolate_positions(table, torch.zeros(1, 1, 3, 8), rows=3), table)
    assert interpolate_positions(table, torch.zeros(1, 1, 1, 10), rows=1).shape == (1, 11, 4)
