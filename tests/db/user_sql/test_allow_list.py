"""The lists of what SQL may be made of, against the engine that is installed here."""

from importlib.resources import files

import pytest

from db.user_sql.allow_list import allow_list, lines


def test_the_list_of_functions_is_what_the_families_make_of_this_engine(chdb_engine):
    """After a new engine: python -m db.user_sql.allow_list, and read the difference."""
    stored = files("db.user_sql").joinpath("functions.txt").read_text().splitlines()
    assert stored == list(lines(chdb_engine))


def test_no_refused_function_differs_from_an_allowed_one_by_its_letters_alone(chdb_engine):
    names = chdb_engine.fetch("SELECT name FROM system.functions")["name"].to_pylist()
    stored = files("db.user_sql").joinpath("functions.txt").read_text().splitlines()
    listed = {line.split()[0] for line in stored[1:]}
    allowed = {name.lower() for name in listed}
    assert [name for name in names if name not in listed and name.lower() in allowed] == []


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("file", None),
        ("fileIf", None),
        ("FILE", None),
        ("sumIf", "aggregates"),
        ("SUM", "aggregates"),
        ("quantileExactArrayIf", "aggregates"),
        ("sleepOrNull", None),
        ("chdb", None),
        ("If", "numbers"),
        ("", None),
        ("rand", "chance"),
        ("groupArraySampleState", "chance"),
    ],
)
def test_the_family_of_a_function(name, family):
    assert allow_list().family(name) == family


def test_every_family_has_a_function():
    found = set(allow_list().families.values())
    assert found >= allow_list().unrepeatable
