"""An engine's message without the stack behind it."""

import re

_STACK = re.compile(r"Stack trace[^:\n]*:\s*\n\s*0\. ")


def without_stack(message: str) -> str:
    """Return what comes before the last stack of an engine's message.

    A statement that the message repeats may hold the same words: they are no stack.
    """
    stacks = list(_STACK.finditer(message))
    return message[: stacks[-1].start()].strip() if stacks else message.strip()
