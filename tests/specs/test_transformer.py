"""The Transformer against torch's own, with the same weights: two implementations of one paper."""

from __future__ import annotations

import torch
from torch import nn

import archwright as aw

NAMES = {
    "attention.o": "self_attn.out_proj", "cross.o": "multihead_attn.out_proj",
    "ffn.up": "linear1", "ffn.down": "linear2",
}  # fmt: skip


def torch_weights(state: dict[str, torch.Tensor], layers: int, stack: str) -> dict[str, torch.Tensor]:
    """What torch calls the weights of one of our stacks; it holds queries, keys and values as one."""
    norms = ["norm1", "norm2"] if stack == "encoder" else ["norm1", "norm_cross", "norm2"]
    names = NAMES | {norm: f"norm{number}" for number, norm in enumerate(norms, 1)}
    found = {}
    for i in range(layers):
        for leaf in ("weight", "bias"):
            for ours, theirs in names.items():
                if f"{stack}.{i}.{ours}.{leaf}" in state:
                    found[f"{stack}.layers.{i}.{theirs}.{leaf}"] = state[f"{stack}.{i}.{ours}.{leaf}"]
            for ours, theirs in {"attention": "self_attn", "cross": "multihead_attn"}.items():
                if f"{stack}.{i}.{ours}.q.{leaf}" in state:
                    three = [state[f"{stack}.{i}.{ours}.{one}.{leaf}"] for one in "qkv"]
                    found[f"{stack}.layers.{i}.{theirs}.in_proj_{leaf}"] = torch.cat(three)
    return found


def waves(length: int, width: int) -> torch.Tensor:
    """``[length, width]``: sines at even columns and cosines at odd ones, as the paper has them (3.5)."""
    table = torch.empty(length, width)
    for pos in range(length):
        for column in range(width):
            angle = torch.tensor(pos / 10000 ** (2 * (column // 2) / width))
            table[pos, column] = angle.cos() if column % 2 else angle.sin()
    return table


def test_the_numbers_of_torch() -> None:
    torch.manual_seed(0)
    changes = {"activation": "relu", "scale_embedding": True, "sinusoids": "interleaved"}
    model = aw.compile("transformer", task="conditional_generation", size="tiny", backend="eager", **changes).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    encoder = nn.TransformerEncoderLayer(32, 8, 72, batch_first=True)
    decoder = nn.TransformerDecoderLayer(32, 4, 64, batch_first=True)
    reference = nn.Transformer(
        32,
        custom_encoder=nn.TransformerEncoder(encoder, 2, enable_nested_tensor=False),
        custom_decoder=nn.TransformerDecoder(decoder, 3),
        batch_first=True,
    ).eval()
    state = {name.removeprefix("net."): value for name, value in model.state_dict().items()}
    reference.load_state_dict(torch_weights(state, 2, "encoder") | torch_weights(state, 3, "decoder"))

    source, target = torch.randint(0, 90, (3, 9)), torch.randint(0, 90, (3, 6))
    mask, target_mask = torch.ones(3, 9).bool(), torch.ones(3, 6).bool()
    mask[0, 7:], target_mask[1, 4:] = False, False
    table = state["tokens.weight"]
    embedded, target_embedded = (table[ids] * 32**0.5 + waves(ids.shape[1], 32) for ids in (source, target))
    with torch.no_grad():
        expected = reference(
            embedded,
            target_embedded,
            tgt_mask=torch.ones(6, 6).triu(1).bool(),
            src_key_padding_mask=~mask,
            memory_key_padding_mask=~mask,
            tgt_key_padding_mask=~target_mask,
        )
        found = model(
            input_ids=source, attention_mask=mask, decoder_input_ids=target, decoder_attention_mask=target_mask
        )
    offset = state["conditional_generation.offset"]
    torch.testing.assert_close(found.logits, expected @ table.t() + offset, rtol=1e-4, atol=1e-4)


def test_the_sizes_of_the_paper() -> None:
    assert round(aw.check("transformer", size="base").num_parameters() / 1e6) == 63
    assert round(aw.check("transformer", size="big").num_parameters() / 1e6) == 214
