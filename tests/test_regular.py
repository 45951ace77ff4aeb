"""Regular expressions that are compiled at their first use: each is right, and as `re.compile` has it."""

from __future__ import annotations

import re
from importlib import import_module
from pkgutil import walk_packages

import pytest

from delegate import core
from delegate.regular import _METHODS, _Regular, regular


def test_every_expression_compiles() -> None:
    """What would otherwise only be seen by whoever needs it first."""
    names = [each.name for each in walk_packages(core.__path__, "delegate.core.")]
    modules = [import_module(name) for name in names]
    found = [each for module in modules for each in vars(module).values() if isinstance(each, _Regular)]
    assert len(found) > 20
    for each in found:
        re.compile(each._source, each._flags)


def test_it_is_the_compiled_expression() -> None:
    """Every method, from its first use on; flags too."""
    source, flags = "(?P<a>[a-z]+)-", re.ASCII | re.IGNORECASE
    ours, theirs = regular(source, flags), re.compile(source, flags)
    for _ in range(2):
        assert ours.sub("x", "Ab-c-") == theirs.sub("x", "Ab-c-") == "xx"
        assert ours.split("Ab-c-d") == theirs.split("Ab-c-d")
        assert ours.findall("Ab-c-") == ["Ab", "c"]
        assert [each["a"] for each in ours.finditer("Ab-c-")] == ["Ab", "c"]
        for name in ("fullmatch", "match", "search"):
            mine, its = getattr(ours, name)("ab-"), getattr(theirs, name)("ab-")
            assert mine.span() == its.span()
            assert getattr(ours, name)("1") is None
    assert {"sub", "split", "findall", "finditer", "fullmatch", "match", "search"} == set(_METHODS)


def test_nothing_is_compiled_before() -> None:
    """Not when it is made, and not for what it has not."""
    expression = regular("(")
    with pytest.raises(AttributeError):
        expression.pattern  # noqa: B018 - reaching for it is the test
    with pytest.raises(re.error):
        expression.search("")
