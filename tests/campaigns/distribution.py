"""What would be published: built twice to the same bytes, checked, listed, and installed where nothing else is.

`python -m tests.campaigns.distribution` builds a wheel and a source archive of the commit that is checked out, into
`dist/`, and a bill of materials (CycloneDX) of what the wheel brings along. It does so in environments of its own, and
ends with a status other than 0 where anything differs or fails. `make matrix` runs the tests against the wheel.
"""

# ruff: noqa: T201, S603 - a command prints, and runs what is named here

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.campaigns.matrix import pythons

ROOT: Final = Path(__file__).parents[2]
TOOLS: Final = ("build>=1.6", "cyclonedx-bom>=7.5", "twine>=7")
# What a page or another program needs of the package beside its modules.
DATA: Final = (
    "delegate/py.typed",
    "delegate/core/evaluator/zones.txt",
    "delegate/js/index.js",
    "delegate/report/inspector/page.html",
)

SOURCES: Final = ("README.md", "LICENSE", "spec/SPEC.md", "tests/conftest.py")


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> str:
    """Run a command, and give what it printed; raises where it fails."""
    ran = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        message = f"{' '.join(map(str, command))}\n{ran.stdout}{ran.stderr}"
        raise RuntimeError(message)
    return ran.stdout


def environment(folder: Path, python: str, *packages: str) -> Path:
    """Make an environment with these packages; gives the folder of its programs."""
    run(python, "-m", "venv", folder)
    programs = folder / "bin"
    if packages:
        run(programs / "python", "-m", "pip", "--disable-pip-version-check", "--quiet", "install", *packages)
    return programs


def build(programs: Path, folder: Path, seconds: str) -> dict[str, str]:
    """Build from a clean copy of the commit; gives the files' names and their SHA-256."""
    source = folder / "source"
    run("git", "clone", "--quiet", "--no-hardlinks", ROOT, source)
    run(programs / "python", "-m", "build", "--outdir", folder / "dist", source, SOURCE_DATE_EPOCH=seconds)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((folder / "dist").iterdir())}


def names(archive: Path) -> set[str]:
    """Give the names of what is in an archive."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return set(wheel.namelist())
    with tarfile.open(archive) as tar:
        return {name.partition("/")[2] for name in tar.getnames()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, check, list, install; gives the status."""
    del arguments
    seconds = run("git", "log", "-1", "--format=%ct").strip()
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        tools = environment(folder / "tools", sys.executable, *TOOLS)
        first, second = (build(tools, folder / name, seconds) for name in ("first", "second"))
        if first != second:
            print(f"built twice, and the bytes differ: {first} {second}")
            return 1
        made = [folder / "first" / "dist" / name for name in first]
        run(tools / "twine", "check", "--strict", *made)
        wheel = next(path for path in made if path.suffix == ".whl")
        archive = next(path for path in made if path.suffix != ".whl")
        missing = [name for name in DATA if name not in names(wheel)]
        missing += [name for name in SOURCES if name not in names(archive)]
        if missing:
            print(f"missing in what was built: {', '.join(missing)}")
            return 1
        for version, python in pythons().items():
            programs = environment(folder / f"bare-{version}", python, str(wheel))
            run(programs / "python", "-c", "import delegate; delegate.Verifier", cwd=folder)
            run(programs / "delegate", "demo", cwd=folder, NO_COLOR="1")
            print(f"{version}: installed by itself, and plays the story")
        bill = folder / "first" / "dist" / f"{wheel.stem}.cdx.json"
        bare = next(folder.glob("bare-*"))
        run(tools / "cyclonedx-py", "environment", bare, "--output-reproducible", "--of", "JSON", "-o", bill)
        target = ROOT / "dist"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder / "first" / "dist", target)
    for name, digest in first.items():
        print(f"{digest}  dist/{name}")
    print(f"the bill of materials: dist/{bill.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
