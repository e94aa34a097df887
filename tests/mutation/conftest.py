"""A copy of the project and a worker in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mutation.runner import Worker, copy_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("project")
    copy_project(directory)
    return directory


@pytest.fixture(scope="module")
def worker(project: Path) -> Iterator[Worker]:
    with Worker(project) as started:
        yield started
