"""Make the test vectors, the same bytes every time: `python spec/generate_vectors.py [--check]`.

Without options, writes `spec/vectors/*.json`. With `--check`, writes nothing, and ends with status 1 if a file
differs from what would be written.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from vectorkit import (
    bearer,
    budgets,
    capabilities,
    caveats,
    claims,
    discharges,
    form,
    known,
    limits,
    order,
    proof,
    requests,
    revocation,
    revocation_lists,
    root_bundles,
    signatures,
    time_place,
)


class Made(Protocol):
    """Vectors of either kind."""

    @property
    def made(self) -> list[dict[str, Any]]:
        """The vectors."""


FILES: dict[str, Callable[[], Made]] = {
    "form.json": form.make,
    "signatures.json": signatures.make,
    "claims.json": claims.make,
    "order.json": order.make,
    "time_place.json": time_place.make,
    "bearer.json": bearer.make,
    "proof.json": proof.make,
    "capabilities.json": capabilities.make,
    "caveats.json": caveats.make,
    "limits.json": limits.make,
    "revocation.json": revocation.make,
    "budgets.json": budgets.make,
    "revocation_lists.json": revocation_lists.make,
    "root_bundles.json": root_bundles.make,
    "discharges.json": discharges.make,
    "known.json": known.make,
    "requests.json": requests.make,
}
FOLDER = Path(__file__).parent / "vectors"


def contents() -> dict[str, str]:
    """The text of every file, by its name."""
    return {name: json.dumps(make().made, indent=1, ensure_ascii=True) + "\n" for name, make in FILES.items()}


def main(arguments: list[str]) -> int:
    """Write the files, or compare them; gives the exit status."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    different = []
    for name, text in contents().items():
        path = FOLDER / name
        if arguments:
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                different.append(name)
        else:
            path.write_text(text, encoding="utf-8")
    for name in different:
        print(f"{name} differs from what the generator makes", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
