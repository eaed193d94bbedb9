"""The app on folders of its own, as Streamlit's own test runner sees it."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

APP = Path(__file__).parents[2] / "app.py"


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch):
    """Open app.py on a folder of runs, with a link's query; the app has run once."""

    def open_app(folder: Path, **query: str) -> AppTest:
        monkeypatch.setenv("STN_VIZ_RUNS", str(folder))
        monkeypatch.chdir(APP.parent)
        tester = AppTest.from_file(str(APP), default_timeout=60)
        tester.query_params.update(query)
        return tester.run()

    return open_app
