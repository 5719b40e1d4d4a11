"""A folder for the checkpoints of a session, and the largest difference of each system at its end."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .case import Case
from .reference import build, run, write_checkpoint

LARGEST = pytest.StashKey[dict[str, tuple[float, str]]]()


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], Path]:
    """Returns the checkpoint folder of a case, written at the first use."""
    return functools.partial(write_checkpoint, root=tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="session")
def opened(checkpoint: Callable[[Case], Path]) -> Callable[[Case], Any]:
    """Returns our model of a case's checkpoint; cases that call one in several ways get the same, as a user's calls do."""

    @functools.lru_cache(maxsize=4)
    def model(folder: Path, task: str | None) -> Any:
        import archwright

        return archwright.from_pretrained(folder, task=task, backend="eager").eval()

    return lambda case: model(checkpoint(case), case.variant.method or None)


@pytest.fixture(scope="session")
def reference() -> Callable[[Case], dict[str, Any]]:
    """Returns Hugging Face's outputs of a case, computed once."""
    known: dict[str, dict[str, Any]] = {}

    def outputs(case: Case) -> dict[str, Any]:
        if case.id not in known:
            known[case.id] = run(case, build(case))
        return known[case.id]

    return outputs


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[Case, dict[str, float]], None]:
    """Notes the differences of a case for the table at the end."""
    largest = request.config.stash.setdefault(LARGEST, {})

    def note(case: Case, found: dict[str, float]) -> None:
        system = case.id.split("-")[0]
        place, value = max(found.items(), key=lambda item: item[1])
        if value >= largest.get(system, (-1.0, ""))[0]:
            largest[system] = (value, f"{case.id} {place}")

    return note


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Prints the largest relative difference of each system."""
    largest = config.stash.get(LARGEST, {})
    if largest:
        terminalreporter.section("largest relative difference")
    for system, (value, where) in sorted(largest.items()):
        terminalreporter.write_line(f"{system:24} {value:.2e}  {where}")
