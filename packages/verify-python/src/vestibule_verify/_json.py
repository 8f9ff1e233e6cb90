"""What a value of a JSON document is. Tokens and answers may have values of any type."""

from __future__ import annotations

from typing import Any, TypeGuard, cast


def is_number(value: object) -> TypeGuard[int | float]:
    """Returns whether a JSON value is a number (RFC 7519 §2), not beyond 2^53, which is infinite for some parsers."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -(2**53) < value < 2**53


def is_texts(value: object) -> TypeGuard[list[str]]:
    """Returns whether a JSON value is a list of texts."""
    members = as_list(value)
    return members is value and all(isinstance(member, str) for member in members)


def as_list(value: object) -> list[object]:
    """Returns a JSON value that is a list, and an empty list for another."""
    return cast("list[object]", value) if isinstance(value, list) else []


def as_object(value: object) -> dict[str, Any] | None:
    """Returns a JSON value that is an object. `None` if it is another."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None
