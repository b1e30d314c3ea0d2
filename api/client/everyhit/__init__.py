"""What people import: ``from everyhit import Client, trigger, open_store``.

``Client`` asks a running everyhit, ``open_store`` a folder or servers without one. Triggers are
written with ``trigger`` and ``sql_trigger``. Where the client is installed alone, what needs the
whole of everyhit says so when it is imported.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from everyhit.asynchronous import AsyncClient
    from everyhit.errors import ApiError
    from everyhit.local import open_store
    from everyhit.ragged import to_awkward
    from everyhit.sync import Client
    from software_triggers.trigger import Trigger, sql_trigger, trigger

__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "Trigger",
    "open_store",
    "sql_trigger",
    "to_awkward",
    "trigger",
]

_FROM = {
    "ApiError": "everyhit.errors",
    "AsyncClient": "everyhit.asynchronous",
    "Client": "everyhit.sync",
    "Trigger": "software_triggers.trigger",
    "sql_trigger": "software_triggers.trigger",
    "open_store": "everyhit.local",
    "to_awkward": "everyhit.ragged",
    "trigger": "software_triggers.trigger",
}
_OF_THE_WHOLE = ("everyhit.local", "software_triggers.trigger")


def __getattr__(name: str) -> object:
    """Load a name when it is first asked for: a trigger needs no HTTP, a client no SQL parser."""
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        found = getattr(import_module(_FROM[name]), name)
    except ModuleNotFoundError:
        if _FROM[name] not in _OF_THE_WHOLE or find_spec("software_triggers") is not None:
            raise
        raise ImportError(
            f"everyhit.{name} needs the whole of everyhit; the client is installed alone:"
            " pip install everyhit"
        ) from None
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
