"""Resources that were refused together, and the words of the refusal → which of them may be to blame."""

from collections.abc import Sequence

MAX_LOOKS = 16 * 1024 * 1024
"""Characters that are looked at for names in one refusal, a few hundredths of a second."""


def smaller_groups(names: Sequence[str], message: str) -> list[frozenset[str]]:
    """Those that the message names, each alone, and the rest; two halves when it names none, or all."""
    named = mentioned(message, names)
    if named and len(named) < len(names):
        rest = frozenset(names).difference(named)
        return [*(frozenset({name}) for name in named), rest]
    middle = len(names) // 2
    return [frozenset(names[:middle]), frozenset(names[middle:])]


def mentioned(message: str, names: Sequence[str]) -> list[str]:
    """Those that the message names: of 1,000 all of it is looked through for each, of more than that its head."""
    head = message[: MAX_LOOKS // max(1, len(names))]
    return [name for name in names if _stands_in(head, name)]


def _stands_in(message: str, name: str) -> bool:
    """Whether `name` stands in the message, and not as part of a longer name."""
    start = message.find(name)
    while start >= 0:
        end = start + len(name)
        before, after = message[start - 1 : start], message[end : end + 1]
        if not (_in_name(before) or _in_name(after)):
            return True
        start = message.find(name, start + 1)
    return False


def _in_name(character: str) -> bool:
    return character.isalnum() or character in ("/", "-", "_")
