"""The pages of docs/diagnostics/, one a code. ``python -m tests.docs.diagnostic_pages`` writes their renderings anew."""

from __future__ import annotations

import ast
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import archwright as aw
from archwright.compiler.diagnosing.diagnostics import Diagnostic

FOLDER = Path(__file__).parents[2] / "docs" / "diagnostics"
COMPILER = Path(aw.__file__).parent / "compiler"
PAGE = re.compile(
    r"# `(?P<code>[a-z0-9-]+)`\n\n(?P<meaning>[^\n`][^\n]*|`[^\n]+)\n\n```(?P<kind>yaml|python)\n(?P<example>.*?\n)```\n\n"
    r"```text\n(?P<rendering>.*?)\n```\n\n(?P<mend>[^\n]+)\n(?:\n```yaml\n(?P<mended>.*?\n)```\n)?",
    re.DOTALL,
)
# The calls that take a code, by the function's name, and the tables of codes.
REPORTERS = {"error", "fail", "_report", "Diagnostic", "EdgeError", "_known", "_listed", "bare"}
TABLES = {"code", "_CODES", "_UNKNOWN"}
WORDS = {"cycle", "tag", "tab", "indivisible", "unproven"}


@dataclass(frozen=True)
class Page:
    """A page: the meaning of a code, an example (YAML, or Python that makes it), its rendering, how it is mended."""

    code: str
    meaning: str
    kind: str
    example: str
    rendering: str
    mend: str
    mended: str | None

    @property
    def content(self) -> bytes:
        """What stands in ``spec.yaml``."""
        if self.kind == "yaml":
            return self.example.encode()
        made: dict[str, str | bytes] = {}
        exec(self.example, made)
        text = made["text"]
        return text if isinstance(text, bytes) else text.encode()

    def text(self) -> str:
        """The page as it is written."""
        blocks = [f"# `{self.code}`", self.meaning, f"```{self.kind}\n{self.example}```"]
        blocks += [f"```text\n{self.rendering}\n```", self.mend]
        blocks += [f"```yaml\n{self.mended}```"] if self.mended is not None else []
        return "\n\n".join(blocks) + "\n"


def read(path: Path) -> Page:
    """The page of a file."""
    found = PAGE.fullmatch(path.read_text(encoding="utf-8"))
    assert found, f"{path} is not built like the other pages"
    return Page(**found.groupdict())


def run(content: bytes) -> tuple[str, list[Diagnostic]]:
    """What ``aw.check("spec.yaml")`` says, as text and as findings; the file is written to the working directory."""
    Path("spec.yaml").write_bytes(content)
    try:
        notes = aw.check("spec.yaml").notes
    except aw.SpecError as error:
        return str(error), error.diagnostics
    return "\n\n".join(note.render() for note in notes), notes


def reported_codes() -> set[str]:
    """Every code that the compiler's source can report."""
    found: set[str] = set()
    for path in COMPILER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for part in _code_places(node):
                for word in ast.walk(part):
                    if isinstance(word, ast.Constant) and isinstance(word.value, str) and _is_code(word.value):
                        found.add(word.value)
    return found


def _code_places(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in REPORTERS:
            yield from node.args
            yield from (keyword.value for keyword in node.keywords if keyword.arg == "code")
    elif isinstance(node, ast.FunctionDef) and node.name in REPORTERS:
        yield from (part for part in node.body if isinstance(part, ast.Return))
    elif isinstance(node, ast.Assign) and any(getattr(target, "id", "") in TABLES for target in node.targets):
        yield node.value


def _is_code(text: str) -> bool:
    return text in WORDS or re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", text) is not None


def main() -> None:
    """Write the renderings anew."""
    for path in sorted(FOLDER.glob("*.md")):
        if path.stem == "README":
            continue
        page = read(path)
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            path.write_text(replace(page, rendering=run(page.content)[0]).text(), encoding="utf-8")


if __name__ == "__main__":
    main()
