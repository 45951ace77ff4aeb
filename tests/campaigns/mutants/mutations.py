"""The mutants of a source text: what is changed, one thing at a time (no mutant changes two).

The rules of this file:

- A mutant is a piece of the text and what stands in its place; nothing of the project is imported.
- What is never changed: docstrings, annotations, messages, assertions.
- The kinds are those of the report: `charges`, `errors`, `bounds`, `checks`, `order`, `reasons`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final, NamedTuple

CHARGES, ERRORS, BOUNDS, CHECKS, ORDER, REASONS = "charges", "errors", "bounds", "checks", "order", "reasons"
KINDS: Final = (CHARGES, ERRORS, BOUNDS, CHECKS, ORDER, REASONS)

_NEXT: Final[dict[type[ast.cmpop], str]] = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">"}
_SIGNS: Final[dict[type[ast.cmpop], str]] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is",
    ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
# Functions that never return, and those that make an error of one reason.
_REFUSING: Final = frozenset({"_malformed", "_refuse", "_not_of_form", "_say_what_is_wrong", "_not_well_formed"})
_OTHER_ERROR: Final = {"malformed": "not_canonical", "not_canonical": "malformed", "over_limit": "malformed"}
_OTHER_PLACE: Final = {"_MUST": "_MAY", "_NEVER": "_MAY"}
_SWAPPED: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}


class Mutant(NamedTuple):
    """One change of one module.

    Attributes:
        module: dotted name.
        function: where in it, dotted; empty at the level of the module.
        kind: one of `KINDS`.
        start, end: bytes of the source that are replaced.
        new: what stands in their place.
        first, last: the lines of the statement; a vector that reaches none of them cannot notice.
        what: the change, for people and for the list of equivalent ones.
    """

    module: str
    function: str
    kind: str
    start: int
    end: int
    new: bytes
    first: int
    last: int
    what: str

    @property
    def name(self) -> str:
        """The mutant in one line."""
        return f"{self.module.removeprefix('delegate.')}:{self.function or '(module)'}:{self.first}  {self.what}"


def mutants(module: str, source: bytes) -> list[Mutant]:
    """List the mutants of a module, in the order of its text."""
    found = _Finder(module, source).find()
    unique = {(each.start, each.end, each.new): each for each in reversed(found)}
    return sorted(unique.values(), key=lambda each: (each.start, each.end, each.new))


class _Finder:
    def __init__(self, module: str, source: bytes) -> None:
        self.module = module
        self.source = source
        self.tree = ast.parse(source)
        self.lines = [0]
        for line in source.splitlines(keepends=True):
            self.lines.append(self.lines[-1] + len(line))
        self.evaluates = ".evaluator" in module or ".patterns" in module
        self.found: list[Mutant] = []
        self.function = ""
        self.statement: ast.stmt | None = None

    def find(self) -> list[Mutant]:
        self._body(self.tree.body)
        return self.found

    # What there is to change.

    def _body(self, statements: list[ast.stmt]) -> None:
        for place, statement in enumerate(statements):
            self._statement(statement)
            after = statements[place + 1] if place + 1 < len(statements) else None
            if after is not None and _is_check(statement) and _is_check(after):
                self.statement = statement
                self._between(statement, after)

    def _statement(self, statement: ast.stmt) -> None:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                outer, self.function = self.function, f"{self.function}.{statement.name}".lstrip(".")
                self._body(statement.body)
                self.function = outer
                return
            case ast.Import() | ast.ImportFrom() | ast.Assert() | ast.Pass() | ast.Global():
                return
        self.statement = statement
        match statement:
            case ast.If(test=test, body=body):
                self._if(test, body)
                self._body(statement.body)
                self._body(statement.orelse)
            case ast.For(iter=iterated, body=body):
                self._expression(iterated)
                self._body(body)
            case ast.While(test=test, body=body):
                self._expression(test)
                self._body(body)
            case ast.With(body=body):
                self._body(body)
            case ast.Try():
                self._body(statement.body)
                for handler in statement.handlers:
                    self._body(handler.body)
                self._body(statement.orelse)
            case ast.Match():
                self._match(statement)
            case ast.Raise(exc=error):
                self._error(statement, error)
            case ast.Expr(value=ast.Constant()):
                pass
            case ast.Expr(value=ast.Call() as call):
                self._call(statement, call)
            case ast.AnnAssign(value=value) | ast.Assign(value=value) | ast.AugAssign(value=value):
                if value is not None:
                    self._expression(value)
                    self._constant_of_module(statement, value)
            case ast.Return(value=value):
                if value is not None:
                    self._expression(value)

    def _if(self, test: ast.expr, body: list[ast.stmt]) -> None:
        kind = ERRORS if self.evaluates else CHECKS
        refuses = _refuses(body)
        if not _is_type_checking(test):
            self._add(kind, test, "False")
            if not refuses:
                self._add(kind, test, "True")
            self._expression(test)

    def _match(self, statement: ast.Match) -> None:
        for case in statement.cases:
            if case.guard is not None:
                self._add(CHECKS, case.guard, "True")
                self._add(CHECKS, case.guard, "False")
                self._expression(case.guard)
            self._body(case.body)

    def _error(self, statement: ast.Raise, error: ast.expr | None) -> None:
        if self.evaluates:
            self._add(ERRORS, statement, "return False")
            self._add(ERRORS, statement, "return None")
        else:
            self._add(CHECKS, statement, "pass")
        self._reasons(error)

    def _call(self, statement: ast.Expr, call: ast.Call) -> None:
        name = _name_of(call.func)
        if name == "charge":
            self._add(CHARGES, statement, "pass")
            (steps,) = call.args
            self._add(CHARGES, steps, f"{self._text(steps)} + 1")
            self._add(CHARGES, steps, f"{self._text(steps)} - 1")
            self._numbers(steps, CHARGES)
            return
        if name in _REFUSING or name.startswith(("check_", "_check", "verify", "spend")):
            self._add(CHECKS, statement, "pass")
        self._reasons(call)
        if name not in _REFUSING:
            for argument in call.args:
                self._expression(argument)

    def _between(self, one: ast.stmt, other: ast.stmt) -> None:
        between = self.source[self._end(one) : self._start(other)]
        new = self._text(other).encode() + between + self._text(one).encode()
        what = f"`{_first_line(self._text(one))}` behind `{_first_line(self._text(other))}`"
        self.found.append(
            Mutant(
                self.module, self.function, ORDER, self._start(one), self._end(other), new, one.lineno,
                other.end_lineno or other.lineno, what,
            )
        )  # fmt: skip

    def _constant_of_module(self, statement: ast.stmt, value: ast.expr) -> None:
        if self.function:
            return
        names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
        priced = any("STEPS" in name or "BITS" in name for name in names) and self.evaluates
        if isinstance(value, ast.Constant) and type(value.value) is int:
            self._number(value, CHARGES if priced else BOUNDS)

    # Within expressions.

    def _expression(self, root: ast.expr) -> None:
        for node in _walk(root):
            match node:
                case ast.Compare(ops=ops):
                    for place, op in enumerate(ops):
                        if type(op) in _NEXT:
                            self._add(BOUNDS, node, _compared(node, place))
                    if any(type(op) in _NEXT for op in ops):
                        for each in (node.left, *node.comparators):
                            if isinstance(each, ast.Constant) and type(each.value) is int:
                                self._number(each, BOUNDS)
                case ast.BoolOp(op=op, values=values) if len(values) > 1:
                    sign = " and " if isinstance(op, ast.And) else " or "
                    for place in range(len(values)):
                        left = [ast.unparse(each) for at, each in enumerate(values) if at != place]
                        kind = ERRORS if self.evaluates else CHECKS
                        self._add(kind, node, f"({sign.join(f'({each})' for each in left)})")
                case ast.BinOp():
                    self._numbers(node, CHARGES if self.evaluates else BOUNDS)
                case ast.IfExp(test=test):
                    kind = ERRORS if self.evaluates else CHECKS
                    self._add(kind, test, "True")
                    self._add(kind, test, "False")
                case ast.Call(func=ast.Name(id=name)) if name in _SWAPPED and self.function:
                    self._add(BOUNDS, node.func, _SWAPPED[name])
                case ast.Call(func=ast.Name(id="regular"), args=[pattern, *_]):
                    self._regex(pattern)
                case ast.Call(func=ast.Name(id="Claim"), args=arguments):
                    for each in arguments:
                        if isinstance(each, ast.Name) and each.id in _OTHER_PLACE:
                            self._add(CHECKS, each, _OTHER_PLACE[each.id])
                case ast.Set(elts=items) | ast.Tuple(elts=items) if not self.function and len(items) > 1:
                    for item in items:
                        if isinstance(item, ast.Constant) or (
                            isinstance(item, ast.Tuple) and isinstance(node, ast.Tuple)
                        ):
                            self._without(node, item)
                case ast.Slice(lower=lower, upper=upper):
                    for end in (lower, upper):
                        if isinstance(end, ast.Constant) and type(end.value) is int:
                            self._number(end, BOUNDS)
            if not isinstance(node, ast.Call):
                continue
            self._reasons(node, deep=False)

    def _numbers(self, root: ast.expr, kind: str) -> None:
        for node in ast.walk(root):
            if isinstance(node, ast.BinOp):
                for side in (node.left, node.right):
                    if isinstance(side, ast.Constant) and type(side.value) is int:
                        self._number(side, kind)

    def _number(self, node: ast.Constant, kind: str) -> None:
        number = node.value
        assert isinstance(number, int)
        self._add(kind, node, f"({number + 1})", f"{self._text(node)} → {number + 1}")
        self._add(kind, node, f"({number - 1})", f"{self._text(node)} → {number - 1}")

    def _without(self, node: ast.Set | ast.Tuple, item: ast.expr) -> None:
        rest = [self._text(each) for each in node.elts if each is not item]
        inner = ", ".join(rest) + ","
        new = f"{{{inner}}}" if isinstance(node, ast.Set) else f"({inner})"
        if not (isinstance(node, ast.Tuple) and self.source[self._start(node) : self._start(node) + 1] != b"("):
            self._add(CHECKS, node, new, f"without {self._text(item)}")

    def _reasons(self, root: ast.expr | None, *, deep: bool = True) -> None:
        if root is None:
            return
        for node in ast.walk(root) if deep else [*ast.iter_child_nodes(root), root]:
            match node:
                case ast.Attribute(value=ast.Name(id="Reason"), attr=reason):
                    other = "NOT_CANONICAL" if reason == "MALFORMED" else "MALFORMED"
                    self._add(REASONS, node, f"Reason.{other}")
                case ast.Call(func=ast.Attribute(value=ast.Name(id="checks"), attr=name)) if name in _OTHER_ERROR:
                    self._add(REASONS, node.func, f"checks.{_OTHER_ERROR[name]}")

    def _regex(self, pattern: ast.expr) -> None:
        strings = [node for node in ast.walk(pattern) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        for node in strings:
            text = self._text(node)
            for start, end, new in _changed_regex(text):
                begins = self._start(node) + len(text[:start].encode())
                ends = self._start(node) + len(text[:end].encode())
                self._put(CHECKS, begins, ends, new, f"regex {text[max(0, start - 12) : end]} → {new or 'nothing'}")

    # The text.

    def _start(self, node: ast.stmt | ast.expr) -> int:
        return self.lines[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.stmt | ast.expr) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.lines[node.end_lineno - 1] + node.end_col_offset

    def _text(self, node: ast.stmt | ast.expr) -> str:
        return self.source[self._start(node) : self._end(node)].decode()

    def _add(self, kind: str, node: ast.stmt | ast.expr, new: str, what: str = "") -> None:
        what = what or f"{_first_line(self._text(node))} → {_first_line(new)}"
        self._put(kind, self._start(node), self._end(node), new, what)

    def _put(self, kind: str, start: int, end: int, new: str, what: str) -> None:
        statement = self.statement
        assert statement is not None
        last = statement.end_lineno or statement.lineno
        if isinstance(statement, ast.If | ast.While | ast.For | ast.Match):
            last = max(statement.lineno, _header_end(statement))
        self.found.append(
            Mutant(
                self.module, self.function, kind, start, end, new.encode(), statement.lineno, last,
                " ".join(what.split()),
            )
        )  # fmt: skip


def apply(source: bytes, mutant: Mutant) -> bytes:
    """Give the source of a mutant."""
    return source[: mutant.start] + mutant.new + source[mutant.end :]


def _walk(root: ast.expr) -> Iterator[ast.expr]:
    """All expressions within one, but not those of regular expressions, messages and annotations."""
    if isinstance(root, ast.JoinedStr):
        return
    yield root
    if isinstance(root, ast.Call) and _name_of(root.func) == "regular":
        return
    for child in ast.iter_child_nodes(root):
        if isinstance(child, ast.expr):
            yield from _walk(child)
        elif isinstance(child, ast.comprehension):
            yield from _walk(child.iter)
            for test in child.ifs:
                yield from _walk(test)
        elif isinstance(child, ast.keyword):
            yield from _walk(child.value)


def _compared(node: ast.Compare, changed: int) -> str:
    text = f"({ast.unparse(node.left)})"
    for place, (op, right) in enumerate(zip(node.ops, node.comparators, strict=True)):
        sign = _NEXT[type(op)] if place == changed else _SIGNS[type(op)]
        text += f" {sign} ({ast.unparse(right)})"
    return f"({text})"


def _name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _refuses(body: list[ast.stmt]) -> bool:
    last = body[-1]
    return isinstance(last, ast.Raise) or (
        isinstance(last, ast.Expr) and isinstance(last.value, ast.Call) and _name_of(last.value.func) in _REFUSING
    )


def _is_check(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.If):
        return not statement.orelse and _refuses(statement.body)
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return _name_of(statement.value.func).startswith(("check_", "_check", "verify"))
    return False


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or "register_at_fork" in ast.unparse(test)


def _header_end(statement: ast.If | ast.While | ast.For | ast.Match) -> int:
    match statement:
        case ast.If(test=head) | ast.While(test=head) | ast.Match(subject=head) | ast.For(iter=head):
            return head.end_lineno or head.lineno
    return statement.lineno


def _first_line(text: str) -> str:
    lines = text.splitlines()
    return lines[0] + (" …" if len(lines) > 1 else "")


def _changed_regex(text: str) -> Iterator[tuple[int, int, str]]:
    """Give the changes of a regular expression's literal: one bound moved, one quantifier or member of a class less."""
    at = 0
    inside = False
    while at < len(text):
        here = text[at]
        if here == "\\":
            if inside:
                yield at, at + 2, ""
            at += 2
            continue
        if inside:
            if here == "]":
                inside = False
            elif text[at + 1 : at + 2] == "-" and text[at + 2 : at + 3] not in {"]", ""}:
                yield at, at + 3, ""
                at += 2
            else:
                yield at, at + 1, ""
        elif here == "[":
            inside = True
            at += text[at + 1 : at + 2] == "^"
        elif here == "{":
            end = text.find("}", at)
            for low, high in _moved(text[at + 1 : end]):
                yield at, end + 1, f"{{{low},{high}}}" if high != low or "," in text[at:end] else f"{{{low}}}"
        elif here in "*+" and at and text[at - 1] not in "(|*+?":
            yield at, at + 1, "+" if here == "*" else "*"
        elif here == "?" and at and text[at - 1] not in "(|*+?":
            yield at, at + 1, ""
        at += 1


def _moved(counts: str) -> Iterator[tuple[str, str]]:
    low, comma, high = counts.partition(",")
    if not low.isdecimal() or (high and not high.isdecimal()):
        return
    if not comma:
        yield str(int(low) + 1), str(int(low) + 1)
        yield str(int(low) - 1), str(int(low) - 1)
        return
    for step in (-1, 1):
        if int(low) + step >= 0:
            yield str(int(low) + step), high
        if high:
            yield low, str(int(high) + step)
