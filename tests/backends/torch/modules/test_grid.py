"""Maps that are resized against the lines between their cells' middles, and means of windows against sums."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

import archwright as aw
from archwright.backends.torch.modules.convolution import mean_pool2d
from archwright.backends.torch.modules.grid import resize
from archwright.blocks.convolution import MaxPool2d, MeanPool2d
from archwright.blocks.grid import Resize


def test_corners_that_are_aligned_stay() -> None:
    x = torch.arange(3.0)[:, None] * 10 + torch.arange(4.0)  # linear along both axes
    found = resize(x[None, None], torch.zeros(5, 7), align_corners=True)[0, 0]
    torch.testing.assert_close(found, torch.linspace(0, 20, 5)[:, None] + torch.linspace(0, 3, 7))
    assert found[0, 0] == x[0, 0]
    assert found[-1, -1] == x[-1, -1]
    assert not torch.allclose(found, resize(x[None, None], torch.zeros(5, 7))[0, 0])


def test_nearest_has_no_corners() -> None:
    with pytest.raises(ValidationError, match="expected `bilinear` or `bicubic`"):
        Resize(mode="nearest", align_corners=True)


def test_means_count_what_is_inside() -> None:
    x = torch.arange(1.0, 7.0).reshape(1, 1, 2, 3)
    found = mean_pool2d(x, kernel=[1, 3], stride=[1, 2], padding=[0, 1])[0, 0]
    torch.testing.assert_close(found, torch.tensor([[1.5, 2.5], [4.5, 5.5]]))
    found = mean_pool2d(x, kernel=[1, 3], stride=[1, 2], padding=[0, 1], counts_padding=True)[0, 0]
    torch.testing.assert_close(found, torch.tensor([[1.0, 5.0 / 3], [3.0, 11.0 / 3]]))


def test_windows_of_means_have_the_shape_that_was_inferred(tmp_path: Path) -> None:
    path = tmp_path / "pooled.yaml"
    path.write_text(
        'model: pooled\ninputs: {x: "float[batch, 2, height, width]"}\ngraph:\n'
        "  means: {block: mean_pool2d, in: x, kernel: [3, 2], stride: [2, 1], padding: [1, 0]}\n"
        '  series: {block: mean_pool2d, in: "x[:, :, 0, None]", kernel: [1, 2], stride: [1, 2]}\n'
        "outputs: {means: means, series: series}\n"
    )
    graph = aw.check(path)
    assert str(graph.outputs["means"].type) == "float[batch, 2, ceil(height/2), width - 1]"
    out = aw.compile(path, backend="eager")(x=torch.ones(1, 2, 6, 9))
    assert out.means.shape == (1, 2, 3, 8)
    assert out.series.shape == (1, 2, 1, 4)
    assert bool((out.means == 1).all())


@pytest.mark.parametrize("block", [MaxPool2d, MeanPool2d])
@pytest.mark.parametrize("window", [{"kernel": 0, "stride": 1}, {"kernel": 2, "stride": [1, 0]}])
def test_windows_are_of_one_cell_or_more(block: type[MaxPool2d], window: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="expected a whole number of 1 or more"):
        block(**window)
