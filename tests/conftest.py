"""What all tests share, and `--write-status`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None)  # a run says what the last one said of the same code
settings.register_profile("search", deadline=None, print_blob=True)
settings.load_profile("same")
torch.set_num_threads(1)  # sizes are tiny, and the workers of a run share the cores


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-status", action="store_true", help="write what is measured of each class: tests/status.py"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--write-status") and not hasattr(config, "workerinput"):
        from tests.status import Measured

        config.pluginmanager.register(Measured())


@pytest.fixture
def status(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Notes that the test shows a column of a class of Hugging Face's, and the difference it found."""

    def note(hf_class: str, column: str, difference: float = 0.0) -> None:
        request.node.user_properties.append(("status", [hf_class, column, difference]))

    return note
