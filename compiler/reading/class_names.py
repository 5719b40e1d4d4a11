"""How Hugging Face names the class of a task."""

from __future__ import annotations

SPELLINGS = {"lm": "LM", "ctc": "CTC", "xvector": "XVector"}
"""Words of tasks that Hugging Face's classes spell otherwise than with one capital."""


def class_ending(task: str) -> str:
    """What follows the class of a system: ``Model``, ``Backbone``, ``ForMaskedLM``."""
    words = (SPELLINGS.get(word, word.capitalize()) for word in task.split("_"))
    return {"base": "Model", "backbone": "Backbone"}.get(task) or "For" + "".join(words)
