"""ImageGPT: pictures as rows of colours, learned and written pixel by pixel.

Run it with ``python docs/examples/imagegpt.py [PICTURES.png]``. As in the paper (Chen et al. 2020, Generative
Pretraining from Pixels), each pixel is the nearest of a few colours, which k-means finds. The model completes pictures
whose upper half it is given, and paints some of its own; a PNG shows what was given, what came of it, what it was, and
its own.
"""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path

import torch
from torch import Tensor

import archwright as aw

SIDE, COLOURS = 8, 7
PALETTE = torch.tensor([[230, 60, 50], [50, 110, 220], [250, 200, 40], [40, 160, 90], [140, 70, 170], [245, 245, 240],
                        [40, 40, 50]]).float()  # fmt: skip


def pictures(count: int) -> Tensor:
    """Discs and rings of two colours with noise, RGB from 0 to 255: ``[count, SIDE, SIDE, 3]``."""
    across = torch.arange(SIDE) - (SIDE - 1) / 2
    away = (across[:, None] ** 2 + across**2).sqrt().expand(count, -1, -1)
    outer = 1.5 + 2.5 * torch.rand(count, 1, 1)
    inner = torch.where(torch.rand(count, 1, 1) < 0.5, outer - 1.5, -1.0)
    pair = torch.rand(count, len(PALETTE)).argsort(1)[:, :2]
    inside = ((away <= outer) & (away > inner)).long()
    rows = pair.gather(1, inside.flatten(1)).view_as(inside)
    return (PALETTE[rows] + 6 * torch.randn(count, SIDE, SIDE, 3)).clamp(0, 255)


def clusters(pixels: Tensor, num: int) -> Tensor:
    """The means of k-means, begun far from each other: ``[num, 3]``."""
    means = pixels[:1]
    for _ in range(num - 1):
        means = torch.cat([means, pixels[torch.cdist(pixels, means).amin(1).argmax()][None]])
    for _ in range(10):
        nearest = torch.cdist(pixels, means).argmin(1)
        means = torch.stack([pixels[nearest == one].mean(0) for one in range(num)])
    return means


def tokens(images: Tensor, means: Tensor) -> Tensor:
    """The number of each pixel's colour, row by row: ``[count, SIDE * SIDE]``."""
    return torch.cdist(images.flatten(0, 2), means).argmin(1).view(len(images), -1)


def train(ids: Tensor, *, rounds: int, d_model: int) -> torch.nn.Module:
    """A model of the colour that comes next; the last token of its vocabulary begins a picture."""
    model = aw.compile(
        "imagegpt", task="causal_image_modeling", backend="eager", vocab_size=COLOURS + 1, d_model=d_model,
        num_layers=2, num_heads=4, max_positions=SIDE * SIDE + 1, dropout=0.0, embedding_dropout=0.0,
        attention_dropout=0.0,
    ).train()  # fmt: skip
    begun = torch.cat([torch.full_like(ids[:, :1], COLOURS), ids], 1)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, rounds)
    for _ in range(rounds):
        rows = begun[torch.randint(0, len(begun), (64,))]
        loss = torch.nn.functional.cross_entropy(model(input_ids=rows[:, :-1]).logits.transpose(1, 2), rows[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def write_png(path: Path, image: Tensor) -> None:
    """RGB from 0 to 255, ``[height, width, 3]``."""
    height, width, _ = image.shape
    rows = b"".join(b"\0" + bytes(row.flatten().tolist()) for row in image.round().to(torch.uint8))
    parts = {b"IHDR": struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0), b"IDAT": zlib.compress(rows), b"IEND": b""}
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts.items()
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def main(path: Path, *, rounds: int = 200, count: int = 2000, d_model: int = 48) -> tuple[float, float]:
    torch.manual_seed(0)
    images = pictures(count)
    means = clusters(images.flatten(0, 2)[:20000], COLOURS)
    model = train(tokens(images, means), rounds=rounds, d_model=d_model)
    true = tokens(pictures(8), means)
    begin, half = torch.full((8, 1), COLOURS), SIDE * SIDE // 2
    upper = torch.cat([begin, true[:, :half]], 1)
    completed = model.generate(input_ids=upper, max_new_tokens=half, do_sample=False)[:, 1:]
    own = model.generate(input_ids=begin, max_new_tokens=2 * half, do_sample=True, top_k=0, seed=0)[:, 1:]
    right = (completed == true)[:, half:].float().mean().item()
    naive = (true[:, half - SIDE : half].repeat(1, SIDE // 2) == true[:, half:]).float().mean().item()
    print(f"of the lower halves, {right:.0%} of the pixels are right; {naive:.0%} where the last row goes on")
    given = torch.cat([means[true[:, :half]], torch.full((8, half, 3), 200.0)], 1)
    sheet = torch.stack([given, means[completed], means[true], means[own]])  # [4, 8, pixels, 3]
    sheet = torch.nn.functional.pad(sheet.unflatten(2, (SIDE, SIDE)), (0, 0, 0, 2, 0, 2), value=255.0)
    sheet = sheet.permute(0, 2, 1, 3, 4).reshape(4 * (SIDE + 2), -1, 3)
    write_png(path, sheet.repeat_interleave(8, 0).repeat_interleave(8, 1))
    print(f"written to {path}: what was given, what came of it, what it was, and pictures of the model's own")
    return right, naive


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("imagegpt.png"))
