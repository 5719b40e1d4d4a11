"""The usual ways to call a text model, for any head: a new text model's cases are these and its own deviations."""

from __future__ import annotations

from .case import MAPS, STATES, Step, Variant, variant
from .inputs import embeds, floats, ids, integers, mask, pad_ids, wrapped
from .labels import without_padding

EMPTY_ROWS = (
    "before the first real token a causal query has no key, and no number there means anything: Hugging Face gives "
    "zeros in one kernel, an average of values in another, an average of some of them where it adds two masks"
)
EMPTY = {"skip_padding": ("attention_mask",), "why": EMPTY_ROWS}
EMPTY_DECODER = {"skip_padding": ("decoder_attention_mask",), "why": EMPTY_ROWS}


def encoder_variants(
    *head: Step, segments: bool = True, positions: bool = True, end: str | None = None, width: str = "hidden_size"
) -> tuple[Variant, ...]:
    """Ways to call a bidirectional encoder.

    Args:
        *head: What makes the labels.
        segments: Whether the class takes `token_type_ids`.
        positions: Whether it takes `position_ids`.
        end: Name of the config's token that closes each row.
        width: Name of the config's field that says how wide embeddings are.
    """
    unlabelled = (variant("nolabels", ids(3, 9, end=end), mask("right"), flags=STATES),) if head else ()
    return (
        *unlabelled,
        variant("plain", ids(2, 7, end=end), *head, flags=STATES),
        variant("one", ids(1, 5, end=end), mask("none")),
        variant("rightpad", ids(2, 8, end=end), mask("right"), *head, pad_ids(), flags=STATES),
        variant("leftpad", ids(2, 11, end=end), mask("left"), *head, pad_ids()),
        variant("embeds", ids(2, 7, end=end), mask("right"), *head, embeds(width=width)),
        variant("attentions", ids(2, 7, end=end), mask("right"), *head, flags=MAPS),
        *((variant("segments", ids(2, 9, end=end), _segments(), mask("right"), *head),) if segments else ()),
        *((variant("positions", ids(2, 7, end=end), _positions(), *head),) if positions else ()),
    )


def decoder_variants(
    *head: Step, segments: bool = False, positions: bool = True, everywhere: bool = False
) -> tuple[Variant, ...]:
    """Ways to call a causal model.

    Args:
        *head: What makes the labels.
        segments: Whether the class takes `token_type_ids`.
        positions: Whether it takes `position_ids`.
        everywhere: Whether Hugging Face's kernels agree on rows without a key, so that these can be compared too.
    """
    leftpad = (ids(2, 11), mask("left"), *head, without_padding(), pad_ids())
    unlabelled = (variant("nolabels", ids(3, 9), mask("right"), flags=STATES),) if head else ()
    return (
        *unlabelled,
        variant("plain", ids(2, 7), *head, flags=STATES),
        variant("one", ids(1, 5), mask("none")),
        variant("rightpad", ids(2, 8), mask("right"), *head, pad_ids(), flags=STATES),
        variant("leftpad", *leftpad, flags=STATES, **EMPTY),
        *((variant("leftpad_everywhere", *leftpad),) if everywhere else ()),
        variant("embeds", ids(2, 7), mask("right"), *head, embeds()),
        variant("attentions", ids(2, 7), mask("right"), *head, flags=MAPS),
        variant("nocache", ids(2, 7), *head, flags={"use_cache": False}),
        *((variant("segments", ids(2, 9), _segments(), mask("right"), *head),) if segments else ()),
        *((variant("positions", ids(2, 7), _positions(), mask("none"), *head),) if positions else ()),
    )


def crossed(batch: int = 2, length: int = 6, width: str = "hidden_size") -> tuple[Step, ...]:
    """Encoder states for a decoder that stands alone, and their mask."""
    states = floats("encoder_hidden_states", batch, length, width)
    return states, mask("right", of="encoder_hidden_states", name="encoder_attention_mask")


def seq2seq_variants(*head: Step, everywhere: bool = True) -> tuple[Variant, ...]:
    """Ways to call an encoder-decoder over text whose decoder inputs are given.

    Args:
        *head: What makes the labels.
        everywhere: Whether Hugging Face's kernels agree on rows without a key, so that these can be compared too.
    """
    encoder, decoder = ids(2, 8), ids(2, 5, name="decoder_input_ids")
    decoder_mask = {"of": "decoder_input_ids", "name": "decoder_attention_mask"}
    leftpad = (encoder, decoder, mask("left", **decoder_mask), *head, without_padding("decoder_attention_mask"))
    both = (encoder, mask("right"), decoder, mask("right", **decoder_mask))
    states = (ids(2, 8), mask("right"), embeds(name="encoder_outputs"), wrapped("encoder_outputs"))
    return (
        variant("plain", encoder, decoder, *head, flags=STATES),
        variant("rightpad", *both, *head, pad_ids(), flags=STATES),
        variant("leftpad", encoder, mask("left"), decoder, *head, pad_ids()),
        variant("decoder_leftpad", *leftpad, flags=STATES, **EMPTY_DECODER),
        *((variant("decoder_leftpad_everywhere", *leftpad),) if everywhere else ()),
        variant("attentions", *both, *head, flags=MAPS),
        variant("embeds", *both, *head, embeds(), embeds(instead_of="decoder_input_ids", name="decoder_inputs_embeds")),
        variant("encoder_outputs", *states, decoder, *head, flags=STATES),
    )


def _segments() -> Step:
    return integers("token_type_ids", like="input_ids", below="type_vocab_size")


def _positions() -> Step:
    return integers("position_ids", like="input_ids", below=12)
