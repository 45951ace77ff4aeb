"""Each integration is an extra: without its framework, the import says what to install, and nothing else is loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

EXTRAS = {
    "mcp": ("mcp", "mcp"),
    "a2a": ("a2a", "a2a"),
    "langchain": ("langchain", "langchain"),
    "openai_agents": ("agents", "openai-agents"),
    "pydantic_ai": ("pydantic_ai", "pydantic-ai"),
    "opentelemetry": ("opentelemetry", "otel"),
}
PROGRAM = """
import sys, importlib
for name, package in zip(sys.argv[1::2], sys.argv[2::2]):
    sys.modules[package] = None
    try:
        importlib.import_module(f"delegate.integrations.{name}")
    except ImportError as error:
        print(error)
"""


def test_without_its_framework_each_names_what_to_install() -> None:
    """As somebody sees it who has installed none."""
    words = [word for name, (package, _) in EXTRAS.items() for word in (name, package)]
    ran = subprocess.run([sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, check=True)  # noqa: S603
    lines = ran.stdout.splitlines()
    assert len(lines) == len(EXTRAS)
    for line, (_, extra) in zip(lines, EXTRAS.values(), strict=True):
        assert f"pip install 'delegate-token[{extra}]'" in line


@pytest.mark.parametrize("name", ["delegate", "delegate.integrations"])
def test_importing_the_package_loads_no_framework(name: str) -> None:
    """Nor any integration."""
    program = f"import sys, {name}; print(*sorted(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603
    loaded = set(ran.stdout.split())
    assert not loaded & {package for package, _ in EXTRAS.values()}
    assert not {each for each in loaded if each.startswith("delegate.integrations.")}
