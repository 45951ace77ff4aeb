"""The tests on every Python that is here, on the lowest versions of all dependencies, and under a harsher roof.

`python -m tests.campaigns.matrix` runs every cell and prints a table; `… --only 3.12` those with it in their name, and
what stands behind `--` goes to pytest. It needs Python alone. In each cell the package is installed from a wheel in an
environment of its own, and the tests run in a copy of the checkout: what is tested is what is installed.

- `3.11` and so on: the newest versions of everything.
- `3.11 lowest`, with the oldest Python and the newest: the lower bounds of pyproject, of extras and test tools too.
- `harsh`: the newest of everything, as another user than root, without a home, in a checkout that nobody may write,
  with warnings as errors in every process and another order of hashes.
"""

# ruff: noqa: T201, S603 - a command prints, and runs what is named here

from __future__ import annotations

import argparse
import glob
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
SUPPORTED: Final = ("3.11", "3.12", "3.13", "3.14")
_NOBODY: Final = 65534
_BOUND: Final = re.compile(r"([A-Za-z0-9-]+)(?:\[[a-z,]+\])?>=([0-9.]+)")


class Cell(NamedTuple):
    """One run of the tests: its name, which Python, which versions, and how."""

    name: str
    python: str
    is_lowest: bool = False
    is_harsh: bool = False


def pythons() -> dict[str, str]:
    """Find the supported Pythons that are here, on the path or as pyenv keeps them: version to executable."""
    found: dict[str, str] = {}
    for version in SUPPORTED:
        kept = glob.glob(str(Path(f"~/.pyenv/versions/{version}.*/bin/python").expanduser()))  # noqa: PTH207 - no tree
        for path in (sys.executable, shutil.which("python3"), shutil.which(f"python{version}"), *sorted(kept)):
            if version not in found and path is not None and version_of(path) == version:
                found[version] = path
    return found


def version_of(python: str) -> str:
    """Ask a Python for its version, as in `3.12`; empty where it does not run."""
    ran = subprocess.run(
        [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True, check=False
    )
    return ran.stdout.strip()


def python_of_all(found: dict[str, str]) -> str | None:
    """Give a Python that another user may run; `None` where there is none."""
    for path in ("/usr/local/bin/python3", "/usr/bin/python3", *found.values()):
        if Path(path).exists() and version_of(path) in SUPPORTED:
            ran = subprocess.run([*as_nobody(), path, "-c", ""], capture_output=True, check=False)
            if ran.returncode == 0:
                return path
    return None


def as_nobody() -> tuple[str, ...]:
    """Give what a command begins with to run as another user than root."""
    if os.geteuid() != 0:
        return ()
    return ("setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups")


def cells() -> Iterator[Cell]:
    """Give what there is to run."""
    found = pythons()
    for version, python in found.items():
        yield Cell(version, python)
    for version in dict.fromkeys((min(found, key=SUPPORTED.index), max(found, key=SUPPORTED.index))):
        yield Cell(f"{version} lowest", found[version], is_lowest=True)
    python_for_all = python_of_all(found)
    if python_for_all is None:
        print("not run: harsh (there is no Python here that another user may run)")
    else:
        yield Cell(f"{version_of(python_for_all)} harsh", python_for_all, is_harsh=True)


def lower_bounds() -> list[str]:
    """Read the lowest versions that pyproject allows of what it needs, extras and test tools included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    given = [*project["project"]["dependencies"], *(each for extra in extras for each in extra)]
    bounds: dict[str, str] = {}
    for each in (*given, *project["dependency-groups"]["test"]):
        match = _BOUND.fullmatch(each)
        if match is None or bounds.setdefault(match[1], match[2]) != match[2]:
            message = f"not one lower bound: {each}"
            raise ValueError(message)
    return [f"{name}=={version}" for name, version in bounds.items()]


def installed(cell: Cell, folder: Path, wheel: Path) -> Path:
    """Make an environment with the wheel, its extras and the test tools; give its Python."""
    environment = folder / "environment"
    subprocess.run([cell.python, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    subprocess.run([*pip, "--upgrade", "pip>=25.1"], check=True)
    wanted = ["--group", f"{ROOT / 'pyproject.toml'}:test", f"{wheel}[redis,postgres]"]
    if cell.is_lowest:
        bounds = folder / "bounds.txt"
        bounds.write_text("\n".join(lower_bounds()), "utf-8")
        wanted = ["--only-binary", ":all:", "--constraint", str(bounds), *wanted]
    subprocess.run([*pip, *wanted], check=True)
    return python


def copied(folder: Path) -> Path:
    """Copy the checkout: what git knows of, as it is now."""
    checkout = folder / "checkout"
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - the user's own git
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).exists():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, checkout / name)
    return checkout


def run(cell: Cell, folder: Path, wheel: Path, options: Sequence[str]) -> tuple[bool, str]:
    """Run the tests in one cell: whether all passed, and pytest's last line."""
    python = installed(cell, folder, wheel)
    checkout = copied(folder)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    where = [str(python), "-c", "import delegate; print(delegate.__file__)"]
    found = subprocess.run(where, cwd=checkout, env=environment, capture_output=True, text=True, check=True).stdout
    if not Path(found.strip()).is_relative_to(folder / "environment"):
        message = f"what would be tested is not what was installed: {found}"
        raise RuntimeError(message)
    command: list[str] = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    if cell.is_harsh:
        scratch = folder / "scratch"
        scratch.mkdir()
        if os.geteuid() == 0:
            os.chown(scratch, _NOBODY, _NOBODY)
        for each in ("HOME", "USER", "LOGNAME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"):
            environment.pop(each, None)
        seed = str(random.randrange(1, 1 << 32))  # noqa: S311 - no secret
        environment |= {"PYTHONWARNINGS": "error", "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
        environment |= {"TMPDIR": str(scratch)}
        print(f"PYTHONHASHSEED={seed}", flush=True)
        for path in (checkout, *checkout.rglob("*")):
            path.chmod(path.stat().st_mode & ~0o222)
        command = [*as_nobody(), *command]
    log = folder / "log"
    with log.open("wb") as file:
        ran = subprocess.run(command, cwd=checkout, env=environment, stdout=file, stderr=file, check=False)
    lines = log.read_text("utf-8", "replace").rstrip().splitlines() or ["said nothing"]
    if ran.returncode:
        # One fault that takes the runner along makes thousands: each is told, and the first of them in full.
        print("\n".join(line[:400] for line in lines if not line.startswith("ERROR "))[-200_000:], flush=True)
    return ran.returncode == 0, lines[-1].strip("= ")


def main() -> int:
    """Run the cells that were asked for, print the table, and end in 1 if one did not pass."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="only the cells with this in their name")
    parser.add_argument("options", nargs="*", help="for pytest")
    given = parser.parse_args()
    rows: list[tuple[Cell, bool, str, float]] = []
    missing = [version for version in SUPPORTED if version not in pythons() and given.only in version]
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary)
        base.chmod(0o755)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
        subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", base, ROOT], check=True)
        (wheel,) = base.glob("*.whl")
        for number, cell in enumerate(each for each in cells() if given.only in each.name):
            print(f"{cell.name}: {cell.python}", flush=True)
            folder = base / str(number)
            folder.mkdir()
            began = time.monotonic()
            try:
                passed, said = run(cell, folder, wheel, given.options)
            except subprocess.CalledProcessError as error:
                passed, said = False, f"could not be installed: {error.cmd[-1]}"
            rows.append((cell, passed, said, time.monotonic() - began))
            shutil.rmtree(folder, ignore_errors=True)
    for cell, passed, said, seconds in rows:
        print(f"{cell.name:12}  {'passed' if passed else 'FAILED'}  {seconds:5.0f} s  {said}")
    for version in missing:
        print(f"{version:12}  not here")
    return 0 if (rows or missing) and all(passed for _, passed, _, _ in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
