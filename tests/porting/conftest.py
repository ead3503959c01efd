"""What the tests of both pages share."""

import runpy

import pytest


@pytest.fixture
def run(tmp_path):
    """Return a function that runs code of a page, beside stateful.py."""

    def run(code, names=None):
        # TensorFlow reads the source of functions, so the code needs a file.
        file = tmp_path / "page.py"
        file.write_text(code, encoding="utf-8")
        return runpy.run_path(str(file), names)

    return run
