"""Every code that the compiler can report has its page, and every page shows what the compiler says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.diagnostic_pages import FOLDER, read, reported_codes, run

PAGES = {path.stem: path for path in sorted(FOLDER.glob("*.md")) if path.stem != "README"}


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert sorted(PAGES) == sorted(reported_codes())


@pytest.mark.parametrize("code", PAGES)
def test_a_page_shows_what_the_compiler_says(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = read(PAGES[code])
    assert page.text() == PAGES[code].read_text(encoding="utf-8")
    rendering, found = run(page.content)
    assert rendering == page.rendering, "run python -m tests.docs.diagnostic_pages"
    assert [one.code for one in found] == [page.code] == [code], "one mistake, one finding"
    if page.mended is not None:
        rendering, found = run(page.mended.encode())
        assert all(one.severity == "note" and one.code != code for one in found), rendering


def test_the_index_lists_the_pages() -> None:
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| \[`([a-z0-9-]+)`\]\(\1\.md\) \| (.*) \|$", index, re.MULTILINE))
    assert rows == {code: read(path).meaning.replace("|", "&#124;") for code, path in PAGES.items()}
