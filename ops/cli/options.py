"""Options that several commands have, as one parameter of each."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints

from ops.cli.show import From, RunOption, Store, To


@dataclass(frozen=True)
class RunRange:
    """A run of a store and a range of it, as a command names them."""

    run: RunOption = None
    start: From = None
    stop: To = None
    store: Store = None


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with an option for each field of its parameters that are dataclasses."""
    own: list[inspect.Parameter] = []
    shared: list[inspect.Parameter] = []
    groups: dict[str, Any] = {}
    for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
        kind = parameter.annotation
        if is_dataclass(kind):
            groups[name] = kind
            hints = get_type_hints(kind, include_extras=True)
            shared += [
                parameter.replace(name=each.name, default=each.default, annotation=hints[each.name])
                for each in fields(kind)
            ]
        else:
            own.append(parameter)

    @wraps(command)
    def run(**given: Any) -> None:
        for name, kind in groups.items():
            given[name] = kind(**{each.name: given.pop(each.name) for each in fields(kind)})
        command(**given)

    shown = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *shared)]
    vars(run)["__signature__"] = inspect.Signature(shown)
    run.__annotations__ = {each.name: each.annotation for each in shown}
    return run
