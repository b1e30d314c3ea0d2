"""The schema, as other people read it."""

from pathlib import Path

import api
from api.graphql.mutation import Recorded
from api.graphql.schema import Mutation, schema

SDL = Path(api.__file__ or "").parent / "schema.graphql"


def test_the_schema_in_the_repository_is_the_one_that_is_served():
    assert SDL.read_text() == schema.as_str() + "\n", (
        "the schema has changed: if that is meant, write it anew with"
        " python -m api.graphql.schema > api/schema.graphql, and say so in the changelog"
    )


def test_every_mutation_asks_for_a_role_and_is_recorded():
    fields = Mutation.__strawberry_definition__.fields
    assert len(fields) >= 9
    for field in fields:
        assert [type(each) for each in field.extensions] == [Recorded], field.name


def test_every_field_with_a_unit_or_a_meaning_says_so():
    silent = [
        f"{definition.name}.{name}"
        for definition in schema._schema.type_map.values()
        if not definition.name.startswith("__") and hasattr(definition, "fields")
        for name, field in definition.fields.items()
        if not field.description and str(field.type).strip("!") in ("Ticks", "Int64", "Float")
        and name not in ("t", "start", "stop")
    ]  # fmt: skip
    assert not silent
