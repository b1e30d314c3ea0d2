"""The API gives the same answers wherever the words of a run lie, and waits for them on its loop."""

import polars as pl
import pytest
from homes import OTHERS

from db.words.homes.mongodb import MongoHome
from db.words.homes.moves import bring_back, move_words

ASKED = """{ run(which: "#%d") { words
  homes { home words }
  histogram(of: "hits", column: "wire", bins: 16) { counts }
  histogram2d(of: "hits", x: "wire", y: "layer", xBins: 8, yBins: 4) { counts }
  occupancy { channel hits others }
} }"""


@pytest.mark.parametrize("home_address", OTHERS, indirect=True)
def test_answers_are_the_same_in_every_home(engine, client, changing_run, home, monkeypatch):
    run = changing_run

    def answers():
        found = client.graphql(ASKED % run.run_id)["run"]
        homes = found.pop("homes")
        sql = "SELECT layer, count() AS n, sum(t) AS s FROM hits GROUP BY layer ORDER BY layer"
        found["sql"] = client.query(sql, run=run.run_id).rows()
        found["exported"] = client.hits(run.run_id, where="layer == 1").sort(pl.all()).rows()
        return homes, found

    homes, inline = answers()
    assert [each["home"] for each in homes] == [""] and inline["sql"]
    move_words(engine, run, home)
    with monkeypatch.context() as patch:
        patch.setattr(MongoHome, "_find", None)  # words come over the loop
        homes, away = answers()
    assert homes == [{"home": home.address, "words": inline["words"]}]
    assert away == inline
    bring_back(engine, run)
    assert answers() == ([{"home": "", "words": inline["words"]}], inline)
