"""The page of parts and frames is what ships."""

from __future__ import annotations

from tests.docs.part_page import PAGE, page


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.docs.part_page"
