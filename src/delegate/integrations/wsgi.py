"""What WSGI has of a request, for the frameworks above it (PEP 3333): its target and its headers, as they came.

The rules of this file:

- The path that is decided is the one that the application routes by. Where the server also gives the target as it came,
  it must be that same path.
- `HTTP_…` variables are headers, joined by the server where one came twice: such a presentation is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from delegate.integrations import http


def target(environ: Mapping[str, Any], path: str | None = None) -> bytes:
    """Give the target of the request line, as the application routes by it.

    Args:
        environ: of the request.
        path: decoded, where the framework has decoded it in place; `None`: as PEP 3333 has it.

    Raises:
        DelegateError: as `http.target_of`; MALFORMED for a target that is no path.
    """
    if path is None:
        path = (
            (environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).encode("latin-1").decode("utf-8", "replace")
        )
    query = environ.get("QUERY_STRING", "").encode("latin-1", "replace")
    came = environ.get("REQUEST_URI", environ.get("RAW_URI"))
    raw = None if came is None else str(came).encode("latin-1", "replace").partition(b"#")[0].partition(b"?")[0]
    if raw is not None and not raw.startswith(b"/"):
        return raw  # a whole URL, an authority or `*`: what makes a request of it will refuse it
    return http.target_of(path, raw, query)


def headers(environ: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give the headers of a request."""
    for name, value in environ.items():
        if name.startswith("HTTP_"):
            yield name[5:].replace("_", "-"), value
        elif name in {"CONTENT_TYPE", "CONTENT_LENGTH"} and value:
            yield name.replace("_", "-"), value
