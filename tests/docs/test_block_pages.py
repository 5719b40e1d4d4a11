"""Every block has its page, and the pages are what the contracts say."""

from __future__ import annotations

from tests.docs.block_pages import FOLDER, pages


def test_the_pages_are_current() -> None:
    written = pages()
    assert sorted(path.name for path in FOLDER.glob("*.md")) == sorted(written)
    for name, text in written.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, f"{name}: run python -m tests.docs.block_pages"


def test_options_are_written_as_in_a_spec() -> None:
    """A default is YAML's, and no word of a type is missing."""
    text = "\n".join(pages().values())
    assert not {"`None`", "`True`", "`False`", "`str`"} & set(text.split())
    assert not [line for line in text.splitlines() if line.startswith("|") and ("|  " in line or " or  " in line)]
