"""What the engine's spelling of a statement may hold."""

import pytest

from db.errors import SqlError
from db.user_sql.confine import check_spelling


@pytest.mark.parametrize(
    "spelled",
    [
        "SELECT \u2018x\u2019 FROM hits",
        "SELECT \u201cx\u201d FROM hits",
        "SELECT \u00a0t FROM hits",
        "SELECT t FROM hits; SELECT 1",
        "SELECT `a\\`b` FROM hits",
        "SELECT `a\x1b[31m` FROM hits",
        "SELECT {x:Identifier} FROM hits",
        "SELECT t FROM hits INTO OUTFILE 'x'",
        "SELECT t FROM hits FORMAT Null",
        "INSERT INTO hits VALUES (1)",
    ],
)
def test_what_the_engine_never_spells_so_is_refused_all_the_same(spelled):
    """Another version of it may: signs that one reader takes for quotes and another for letters."""
    with pytest.raises(SqlError):
        list(check_spelling(spelled))


def test_texts_may_hold_what_names_and_the_rest_may_not():
    spelled = "SELECT '\u2018;\\'', `größe`, {p:Int64} FROM hits"
    assert list(check_spelling(spelled)) == [("p", 0)]
