"""Where triggers come from: built in, installed, a folder, the store."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib import import_module
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

from db.catalogue.runs import Run
from db.catalogue.triggers import list_registered, save_registered
from db.engine import Engine
from db.engine.owner import RemoteEngine
from db.errors import EveryhitError, StoreError, TriggerError
from db.relations.relation import SOURCES
from db.results.rows import newest_text
from software_triggers import library
from software_triggers.isolation.isolated import load_isolated
from software_triggers.isolation.origin import Origin, triggers_in
from software_triggers.library.events import event_builder
from software_triggers.trigger import Trigger, sql_trigger

ENTRY_POINTS = "everyhit.triggers"
# Built-in Python triggers. One that needs an extra says so when it is used.
_BUILT_IN = ("anomaly", "coincidence", "drift_tubes")


def known_triggers(
    engine: Engine | None = None, folders: Iterable[Path] = ()
) -> dict[str, Trigger]:
    """Return all triggers by name: later sources replace earlier ones.

    The order is built in, installed plug-ins, folders (``*.sql``, ``*.py``), SQL registered in the
    store. Raises TriggerError that names the file or plug-in that can't be used.
    """
    triggers = {t.name: t for t in _built_in()}
    triggers |= {t.name: t for t in _installed()}
    for folder in folders:
        triggers |= {t.name: t for t in load_folder(folder)}
    if engine is not None:
        stored = (each for each in list_registered(engine) if each.enabled)
        triggers |= {t.name: t for t in (sql_trigger(each.source) for each in stored)}
    return triggers


def triggers_of_run(
    engine: Engine, run: Run, folders: Iterable[Path] = (), wanted: Iterable[str] = ()
) -> dict[str, Trigger]:
    """Return all triggers that are known, and the event builder that the run was opened with.

    The run's setting ``events`` names the triggers whose rows make events. Those ``wanted`` that
    nobody knows, and what they read, are taken from the newest lineage of their name.
    """
    known = known_triggers(engine, folders)
    missing = set(wanted) - known.keys()
    while missing:
        found = {trigger.name: trigger for trigger in _remembered(engine, missing)}
        known |= found
        missing = {name for each in found.values() for name in each.reads}
        missing -= {*known, *SOURCES}
    if candidates := run.settings.get("events"):
        builder = event_builder(candidates)
        known[builder.name] = builder
    return known


def load_file(path: Path) -> list[Trigger]:
    """Return the triggers of one ``.sql`` or ``.py`` file; TriggerError names the file."""
    try:
        if path.suffix == ".sql":
            return [sql_trigger(path.read_text())]
        return list(_of_python(str(path), path.read_bytes()))
    except OSError as fault:
        raise TriggerError(f"can't read {path}: {fault.strerror}") from None
    except StoreError:
        raise
    except EveryhitError as fault:
        raise TriggerError(f"{path}: {fault}") from fault
    except (Exception, SystemExit) as fault:
        raise TriggerError(f"{path}: {type(fault).__name__}: {fault}") from fault


def _of_python(path: str, text: bytes) -> Iterator[Trigger]:
    for trigger in load_isolated(Origin(path, text)):
        yield replace(trigger, file=text.decode(errors="replace"))


def load_folder(folder: Path) -> Iterator[Trigger]:
    """Return the triggers of all ``.sql`` and ``.py`` files in a folder."""
    if not folder.is_dir():
        raise TriggerError(f"{folder} is no folder with triggers")
    for path in sorted([*folder.glob("*.sql"), *folder.glob("*.py")]):
        yield from load_file(path)


def register(engine: Engine, source: str, *, enabled: bool = True) -> Trigger:
    """Store an SQL trigger, a new revision if its name is known, and return it."""
    trigger = sql_trigger(source)
    save_registered(engine, trigger.name, source, enabled=enabled)
    return trigger


def _remembered(engine: Engine, names: Iterable[str]) -> Iterator[Trigger]:
    """Return the triggers that the newest lineages of these names were made with, as far as their
    text is known. Python runs only for an embedded store: on servers others may write to it."""
    from db.engine.chdb import ChdbEngine  # takes long to load; most commands look nothing up here

    for name in sorted(names):
        text = newest_text(engine, name)
        if text is None:
            continue
        try:
            if text.kind == "sql":
                yield sql_trigger(text.source)
            elif isinstance(engine, ChdbEngine | RemoteEngine):
                there = _of_python(f"{name}.py", text.file.encode())
                yield next(trigger for trigger in there if trigger.name == name)
        except EveryhitError as fault:
            raise TriggerError(
                f"trigger {name} can't be run from what the store remembers of its file: {fault}"
            ) from fault


def _built_in() -> Iterator[Trigger]:
    for file in sorted(files(library).iterdir(), key=lambda f: f.name):
        if file.name.endswith(".sql"):
            yield sql_trigger(file.read_text())
    for name in _BUILT_IN:
        yield from triggers_in(import_module(f"{library.__name__}.{name}"))


def _installed() -> Iterator[Trigger]:
    for point in entry_points(group=ENTRY_POINTS):
        try:
            yield from load_isolated(Origin(plug_in=point.value))
        except TriggerError as fault:
            raise TriggerError(f"plug-in {point.value} can't be loaded: {fault}") from fault
