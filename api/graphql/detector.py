"""The detector: what its words mean and where its elements are."""

import strawberry
from strawberry.scalars import JSON

from api.graphql.context import Info
from api.graphql.scalars import Int64, Ticks
from api.graphql.selections import SelectionCheck, Text, check_hits
from db import detector as declared
from db.detector.elements import elements
from db.errors import DeclarationError


@strawberry.type(description="Bits of a hit that lie together.")
class BitField:
    """As ``db.detector.Field``."""

    name: str
    word: int = strawberry.field(description="Number of the 64-bit word in the hit, from 0.")
    low: int = strawberry.field(description="Lowest bit.")
    width: int = strawberry.field(description="Number of bits.")


@strawberry.type(description="What is calculated of the fields.")
class Column:
    """As ``db.detector.Column``."""

    name: str
    expression: str = strawberry.field(description="Over fields, columns before it, and t.")


@strawberry.type(description="How a display draws the elements that hits lie on.")
class Shape:
    """As ``db.detector.Shape``."""

    kind: str = strawberry.field(description="cell, module, pixel …")
    element: list[str] = strawberry.field(description="Columns that together name an element.")
    position_mm: list[str] = strawberry.field(
        description="Columns that say where it is, in mm; empty if the declaration doesn't know."
    )
    size_mm: list[float] = strawberry.field(description="Its size along each of them, in mm.")
    view: str | None = strawberry.field(description="Column of the projection that is meant.")


@strawberry.type(description="A channel that lies somewhere: a wire, a pixel, a phototube.")
class Element:
    """A row of ``db.detector.elements.elements``."""

    channel: Int64 = strawberry.field(description="What rates and occupancy call it.")
    names: JSON = strawberry.field(description="The columns that name it, and their values.")
    position_mm: list[float] = strawberry.field(description="Where, along the shape's axes.")
    view: int | None = strawberry.field(description="The projection that the position is meant in.")


def shape_of(detector: declared.Detector) -> Shape | None:
    """Return how a detector's elements are drawn; None if its declaration does not say."""
    shape = detector.shape
    if shape is None:
        return None
    return Shape(
        kind=shape.kind,
        element=list(shape.element),
        position_mm=list(shape.position_mm),
        size_mm=list(shape.size_mm),
        view=shape.view,
    )


@strawberry.type(description="A detector as declared.")
class Detector:
    """Of a run, with the calibration of its begin, or as it stands in a file."""

    detector: strawberry.Private[declared.Detector]

    @strawberry.field(description="Name of the declaration.")
    def name(self) -> str:
        return self.detector.name

    @strawberry.field(description="In words.")
    def title(self) -> str:
        return self.detector.title

    @strawberry.field(description="Hash of the values in force: it changes when a result could.")
    def fingerprint(self) -> str:
        return self.detector.fingerprint

    @strawberry.field(description="Length of a tick in ns.")
    def tick_ns(self) -> float:
        return float(self.detector.tick)

    @strawberry.field(description="Ticks after which a word's counter starts anew; null: never.")
    def wrap(self) -> Ticks | None:
        return self.detector.wrap

    @strawberry.field(description="Ticks by which a link's word may come after a later one.")
    def disorder(self) -> Ticks:
        return self.detector.disorder

    @strawberry.field(description="Ticks of a time slice: the finest step of the counted rates.")
    def slice(self) -> Ticks:
        return self.detector.slice

    @strawberry.field(description="64-bit words of one hit.")
    def words_per_hit(self) -> int:
        return self.detector.words_per_hit

    @strawberry.field(description="The bit fields of a hit.")
    def fields(self) -> list[BitField]:
        return [BitField(**vars(field)) for field in self.detector.fields]

    @strawberry.field(description="What is calculated of them, in order.")
    def columns(self) -> list[Column]:
        return [Column(name=c.name, expression=c.text) for c in self.detector.columns]

    @strawberry.field(description="Constants in force, by name.")
    def constants(self) -> JSON:
        return JSON(dict(self.detector.constants))

    @strawberry.field(description="Tables in force, by name.")
    def tables(self) -> JSON:
        return JSON({name: list(table) for name, table in self.detector.tables.items()})

    @strawberry.field(description="How its elements are drawn; null if the declaration is silent.")
    def shape(self) -> Shape | None:
        return shape_of(self.detector)

    @strawberry.field(
        description="Its channels and where they lie; empty if the declaration does not say."
    )
    async def elements(self, info: Info) -> list[Element]:
        shape = self.detector.shape
        if shape is None or not shape.position_mm:
            return []
        rows = await info.context.ask(elements, self.detector)
        return [
            Element(
                channel=row["channel"],
                names=JSON({name: row[name] for name in shape.element}),
                position_mm=[float(row[axis]) for axis in shape.position_mm],
                view=int(row[shape.view]) if shape.view else None,
            )
            for row in rows.iter_rows(named=True)
        ]

    @strawberry.field(description="Whether a selection over its hits is right, and where not.")
    def selection(self, where: Text) -> SelectionCheck:
        return check_hits(self.detector, where)

    @strawberry.field(description="The whole declaration as it was written (TOML).")
    def source(self) -> str:
        return self.detector.source


@strawberry.type
class DetectorQueries:
    """Declarations that this server knows."""

    @strawberry.field(description="Names of the detectors that are declared here.")
    def detectors(self, info: Info) -> list[str]:
        return declared.available(info.context.app_state.rules.detectors)

    @strawberry.field(description="A declared detector by name.")
    def detector(self, info: Info, name: str) -> Detector:
        known = declared.available(info.context.app_state.rules.detectors)
        if name not in known:  # a name, never a path
            raise DeclarationError(f"there is no detector {name[:40]!r}; known: {', '.join(known)}")
        return Detector(detector=declared.load(name, info.context.app_state.rules.detectors))
