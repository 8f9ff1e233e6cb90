"""Which URLs of the settings are usable: those with an origin and a path, and nothing else."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

# `urlsplit` removes line breaks and tabs instead of refusing them.
_ORIGIN_AND_PATH = re.compile(r"https?://[^\x00-\x20\x7f/?#@\\]+(/[^\x00-\x20\x7f?#\\]*)?")
_THIS_MACHINE = re.compile(r"(.+\.)?localhost|127(\.\d+){3}|::1")


def is_plain(url: object) -> bool:
    """Returns whether a value is a URL of http or https without user, query, fragment and blanks."""
    return isinstance(url, str) and _ORIGIN_AND_PATH.fullmatch(url) is not None and bool(urlsplit(url).hostname)


def is_safe(url: object) -> bool:
    """Returns whether a URL is plain, and what is fetched from it cannot be exchanged on the way."""
    if not isinstance(url, str) or not is_plain(url):
        return False
    parts = urlsplit(url)
    return parts.scheme == "https" or _THIS_MACHINE.fullmatch(parts.hostname or "") is not None
