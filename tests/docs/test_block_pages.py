"""Every block has its page, and the pages are what the contracts say."""

from __future__ import annotations

from tests.docs.block_pages import FOLDER, pages


def test_the_pages_are_current() -> None:
    written = pages()
    assert sorted(path.name for path in FOLDER.glob("*.md")) == sorted(written)
    for name, text in written.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, f"{name}: run python -m tests.docs.block_pages"
