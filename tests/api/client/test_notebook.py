"""The notebook in the documentation runs as it stands."""

import json
from pathlib import Path

NOTEBOOK = Path(__file__).parents[3] / "docs" / "ask.ipynb"


def test_every_cell_runs(url, tokens, changing_run, monkeypatch):
    monkeypatch.setenv("EVERYHIT_URL", url)
    monkeypatch.setenv("EVERYHIT_TOKEN", tokens["physicist"])
    names: dict = {}
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        if cell["cell_type"] == "code":
            text = "".join(cell["source"])
            # Other tests open runs, too: this one is meant.
            exec(text.replace("here.latest()", f"here.run({changing_run.run_id})"), names)
    assert len(names["hits"]) > 100
    assert len(names["tight"]) > 10
    assert len(names["events"]) > 10
    names["here"].close()
