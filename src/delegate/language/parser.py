"""Text into a tree, by the grammar of CEL (SPEC §6.7).

Rules of this file:

- Each `_parse_…` method's docstring is its grammar rule.
- Nesting is bounded by `limits.SYNTAX_DEPTH` while reading, and the tree by the limits after: no text can exhaust the
  interpreter's stack.
- Unknown names and functions are refused here, where they stand; only `evaluate` wants otherwise.
- A bound value replaces its name as a tree of literals. It never becomes text, so nothing in it can
  become an operator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NoReturn

from delegate.core.evaluator.opcodes import ARITIES, CAVEAT_NAMES, RESERVED, Op
from delegate.errors import CaveatSyntaxError
from delegate.language.lexer import lexemes
from delegate.language.tree import (
    FUNCTIONS,
    MACROS,
    METHODS,
    NAMESPACED,
    Call,
    Expression,
    Fold,
    Has,
    ListOf,
    Literal,
    MapOf,
    Path,
    Select,
    Unknown,
    excess,
    index,
    junction,
    select,
)
from delegate.limits import COMPREHENSION_DEPTH, EXPRESSION_DEPTH, INTEGER_MAX, SYNTAX_DEPTH

_RELATIONS = {"==": Op.EQ, "!=": Op.NE, "<": Op.LT, "<=": Op.LE, ">": Op.GT, ">=": Op.GE, "in": Op.IN}
_SUMS = {"+": Op.ADD, "-": Op.SUBTRACT}
_PRODUCTS = {"*": Op.MULTIPLY, "/": Op.DIVIDE, "%": Op.MODULO}
# How tightly each binary operator binds, and what it is.
_BINDING: dict[str, tuple[int, Op]] = {
    sign: (level, op)
    for level, operators in enumerate(({"||": Op.OR}, {"&&": Op.AND}, _RELATIONS, _SUMS, _PRODUCTS))
    for sign, op in operators.items()
}
_LOOSEST, _JUNCTIONS, _NONE = 0, 2, (-1, Op.OR)
_NAMESPACES = frozenset(namespace for namespace, _ in NAMESPACED)
_FUNCTION_NAMES = frozenset({*FUNCTIONS, "has", "matches"})
_METHOD_NAMES = frozenset({*METHODS, "size", *(name for name, _ in MACROS)})
_KEYWORD_VALUES: dict[str, bool | None] = {"true": True, "false": False, "null": None}


def parse_expression(
    source: str,
    *,
    names: frozenset[str] = CAVEAT_NAMES,
    constants: Mapping[str, Expression] | None = None,
    lenient: bool = False,
) -> tuple[Expression, frozenset[str]]:
    """Read an expression.

    Args:
        source: CEL text, at most `limits.EXPRESSION_CHARACTERS` characters.
        names: which variables it may read.
        constants: trees that replace names; they come before variables.
        lenient: unknown names and functions are no errors here but when they are evaluated, and the tree may be
            up to `limits.SYNTAX_DEPTH` deep. Such a tree is for `evaluate` alone.

    Returns:
        The tree, and which constants occur in it.

    Raises:
        CaveatSyntaxError: MALFORMED; its `span` is where.
    """
    parser = _Parser(source, names, constants or {}, lenient=lenient)
    return parser.parse(), frozenset(parser.used)


class _Parser:
    def __init__(
        self, source: str, names: frozenset[str], constants: Mapping[str, Expression], *, lenient: bool
    ) -> None:
        self.source = source
        self.kinds, self.values, self.starts, self.ends = lexemes(source)
        self.position = 0  # a lexeme is its position in these four
        self.names = names
        self.constants = constants
        self.lenient = lenient
        self.local: tuple[str, ...] = ()
        self.used: set[str] = set()
        self.depth = 0

    def parse(self) -> Expression:
        tree = self._parse_expression()
        if self.kinds[self.position] != "end":
            self._fail("expected an operator or the end")
        if len(self.kinds) <= EXPRESSION_DEPTH and not self.used:
            return tree  # each level takes a lexeme, a third comprehension more than these: saves 2 µs a caveat
        depth, folds = (SYNTAX_DEPTH, SYNTAX_DEPTH) if self.lenient else (EXPRESSION_DEPTH, COMPREHENSION_DEPTH)
        problem = excess(tree, depth, folds)
        if problem:
            raise CaveatSyntaxError(problem, source=self.source, span=(0, len(self.source)))
        return tree

    def _parse_expression(self) -> Expression:
        """`expression` = or ["?" or ":" expression] ;  or = the least binding level of `_parse_binary`."""
        tree = self._parse_binary(_LOOSEST)
        if self._take("?"):
            self._enter()
            middle = self._parse_binary(_LOOSEST)
            self._expect(":")
            tree = Call(Op.CONDITION, (tree, middle, self._parse_expression()))
            self.depth -= 1
        return tree

    def _enter(self, levels: int = 1) -> None:
        """Go deeper: into a bracket of any kind, the branches of `?:`, or behind a sign; whoever calls it comes up."""
        self.depth += levels
        if self.depth > SYNTAX_DEPTH:
            self._fail(f"nested more than {SYNTAX_DEPTH} deep")

    def _parse_binary(self, level: int) -> Expression:
        """`level` = next { operator next } ;  levels: `||`, `&&`, relations, `+ -`, `* / %`, unary.

        By precedence, and not a function a level: saves 3 µs a caveat.
        """
        tree = self._parse_unary()
        while True:
            binding, op = _BINDING.get(self.kinds[self.position], _NONE)
            if binding < level:
                return tree
            self.position += 1
            right = self._parse_binary(binding + 1)
            tree = junction(op, (tree, right)) if binding < _JUNCTIONS else Call(op, (tree, right))

    def _parse_unary(self) -> Expression:
        """`unary` = member | "!" {"!"} member | "-" {"-"} member ;  an even number of either is none, as CEL says."""
        sign = self.kinds[self.position]
        if sign not in {"!", "-"}:
            return self._parse_member()
        count = 0
        while self._take(sign):
            count += 1
        is_of_number = sign == "-" and self.kinds[self.position] in {"int", "double"}
        if is_of_number and count == 1:
            self.position -= 1
            return self._parse_member()
        levels = count - is_of_number
        self._enter(levels)
        tree = self._parse_member()
        self.depth -= levels
        return tree if count % 2 == 0 else Call(Op.NOT if sign == "!" else Op.NEGATE, (tree,))

    def _parse_member(self) -> Expression:
        """`member` = primary { "." field ["(" arguments ")"] | "[" expression "]" } ;  field = NAME | QUOTED."""
        tree = self._parse_primary()
        while True:
            kind = self.kinds[self.position]
            if kind == ".":
                self.position += 1
                lexeme = self._next()
                if self.kinds[lexeme] == "name" and self._take("("):
                    tree = self._parse_method(tree, lexeme)
                elif self.kinds[lexeme] in {"name", "quoted"}:
                    tree = select(tree, str(self.values[lexeme]))
                else:
                    self._fail("expected the name of a field or function", lexeme)
            elif kind == "[":
                self.position += 1
                self._enter()
                tree = index(tree, self._parse_expression())
                self.depth -= 1
                self._expect("]")
            else:
                return tree

    def _parse_primary(self) -> Expression:
        """`primary` = ["-"] NUMBER | TEXT | "true" | "false" | "null" | "(" expression ")" | list | map | named."""
        lexeme = self._next()
        match self.kinds[lexeme]:
            case "name":
                return self._parse_named(lexeme)
            case "text":
                return Literal(self.values[lexeme])
            case "int" | "double" | "-":
                return self._number(lexeme)
            case "true" | "false" | "null":
                return Literal(_KEYWORD_VALUES[self.kinds[lexeme]])
            case "(":
                self._enter()
                tree = self._parse_expression()
                self.depth -= 1
                self._expect(")")
                return tree
            case "[":
                return ListOf(tuple(self._parse_items("]")))
            case "{":
                return self._parse_map()
        self._fail(
            "expected a value" if self.kinds[lexeme] != "end" else "the text ends where a value is expected", lexeme
        )

    def _number(self, lexeme: int) -> Expression:
        negative = self.kinds[lexeme] == "-"
        number = self._next() if negative else lexeme
        if self.kinds[number] not in {"int", "double"}:
            self._fail("expected a value", lexeme)
        value = self.values[number]
        assert isinstance(value, (int, float))  # noqa: S101 - for the type checker
        value = -value if negative else value
        if isinstance(value, int) and value > INTEGER_MAX:
            self._fail("an integer beyond 64 bits", number)
        if self.kinds[self.position] == "name" and self.starts[self.position] == self.ends[number]:
            self._fail("expected an operator after the number")
        return Literal(value)

    def _parse_items(self, closing: str) -> list[Expression]:
        """`items` = [ expression { "," expression } [","] ] closing ;  a comma may end a list, not arguments."""
        self._enter()
        items: list[Expression] = []
        while not self._take(closing):
            items.append(self._parse_expression())
            if not self._take(","):
                self._expect(closing)
                break
            if closing == ")" and self.kinds[self.position] == ")":
                self._fail("expected a value")
        self.depth -= 1
        return items

    def _parse_map(self) -> Expression:
        """`map` = "{" [ expression ":" expression { "," expression ":" expression } [","] ] "}"."""
        self._enter()
        entries: list[tuple[Expression, Expression]] = []
        while not self._take("}"):
            key = self._parse_expression()
            self._expect(":")
            entries.append((key, self._parse_expression()))
            if not self._take(","):
                self._expect("}")
                break
        self.depth -= 1
        return MapOf(tuple(entries))

    def _parse_named(self, lexeme: int) -> Expression:
        """`named` = NAME | NAME "(" arguments ")" | namespace "." NAME "(" arguments ")"."""
        name = str(self.values[lexeme])
        if name in RESERVED:
            self._fail(f"`{name}` is a reserved word", lexeme)
        if self.kinds[self.position] == "(":
            self.position += 1
            return self._parse_function(lexeme)
        if name in _NAMESPACES and self.kinds[self.position] == ".":
            function = self.position + 1
            op = NAMESPACED.get((name, str(self.values[function])))
            if op is not None and self.kinds[self.position + 2] == "(":
                self.position += 3
                return self._call(op, self._parse_items(")"), function)
        if name not in self.local:
            if name in self.constants:
                self.used.add(name)
                return self.constants[name]
            if name not in self.names and not self.lenient:
                meant = f"; did you mean `args.{name}`?" if "args" in self.names else ""
                self._fail(f"unknown name `{name}`{meant}", lexeme)
        return Path((name,))

    def _parse_function(self, lexeme: int) -> Expression:
        """`function` = "(" items ;  `has` takes a field, as `has(args.amount)`."""
        name = str(self.values[lexeme])
        self._check_function(name, _FUNCTION_NAMES, lexeme)
        arguments = self._parse_items(")")
        if name == "has" and len(arguments) == 1:
            return self._has(arguments[0], lexeme)
        if name == "matches":
            return self._call(Op.MATCHES, arguments, lexeme)
        return self._call(FUNCTIONS.get(name), arguments, lexeme)

    def _has(self, argument: Expression, lexeme: int) -> Expression:
        # `m["k"]` and `m.k` are one tree, yet `has` takes the second alone: the lexemes tell.
        dot, field, closing = self.kinds[self.position - 3 : self.position]
        written = (dot, closing) == (".", ")") and field in {"name", "quoted"}
        if not written or not isinstance(argument, (Path, Select)):
            self._fail("`has` takes the field of something, as in `has(args.amount)`", lexeme)
        return Has(argument)

    def _parse_method(self, receiver: Expression, lexeme: int) -> Expression:
        """`method` = "(" items | fold ;  a comprehension has the name of its variable first."""
        name = str(self.values[lexeme])
        variable = self.position
        named = self.kinds[variable] == "name" and self.kinds[variable + 1] == ","
        if named and any(macro == name for macro, _ in MACROS) and self.values[variable] not in RESERVED:
            return self._parse_fold(receiver, lexeme, variable)
        self._check_function(name, _METHOD_NAMES, lexeme)
        arguments = self._parse_items(")")
        if (name, len(arguments)) in MACROS:
            self._fail(f"`{name}` takes the name of a variable first", variable)
        if name == "size":
            return self._call(Op.SIZE, [receiver, *arguments], lexeme)
        return self._call(METHODS.get(name), [receiver, *arguments], lexeme)

    def _parse_fold(self, source: Expression, lexeme: int, variable: int) -> Expression:
        """`fold` = "(" NAME "," expression ["," expression] ")" ;  the variable hides whatever has its name."""
        name = str(self.values[variable])
        outer, self.local = self.local, (*self.local, name)
        self.position += 2
        bodies = self._parse_items(")")
        self.local = outer
        op = MACROS.get((str(self.values[lexeme]), len(bodies) + 1))
        if op is None:
            return self._call(None, bodies, lexeme)
        return Fold(op, source, name, tuple(bodies))

    def _check_function(self, name: str, functions: frozenset[str], lexeme: int) -> None:
        # Before its arguments: an unknown name in these would else be blamed, as in `l.existsOne(x, x > 1)`.
        if name not in functions and not self.lenient:
            self._fail(f"unknown function `{name}`", lexeme)

    def _call(self, op: Op | None, operands: list[Expression], lexeme: int) -> Expression:
        if op is not None:
            least, most = ARITIES[op]
            if least <= len(operands) <= most:
                return Call(op, tuple(operands))
        if self.lenient:
            return Unknown(str(self.values[lexeme]))
        self._fail(f"`{self.values[lexeme]!s}` does not take these arguments", lexeme)

    def _next(self) -> int:
        lexeme = self.position
        if self.kinds[lexeme] != "end":
            self.position += 1
        return lexeme

    def _take(self, kind: str) -> bool:
        if self.kinds[self.position] == kind:
            self.position += 1
            return True
        return False

    def _expect(self, kind: str) -> None:
        if not self._take(kind):
            self._fail(f"expected `{kind}`")

    def _fail(self, detail: str, lexeme: int | None = None) -> NoReturn:
        at = self.position if lexeme is None else lexeme
        start = self.starts[at]
        raise CaveatSyntaxError(detail, source=self.source, span=(start, max(self.ends[at], start + 1)))


def parse_placed(
    source: str, *, names: frozenset[str], constants: Mapping[str, Expression]
) -> tuple[Expression, list[tuple[Expression, tuple[int, int]]]]:
    """Read a text that `parse_expression` takes, and say where the parts of it stand: for messages.

    Returns:
        The tree, and of its parts, the very objects, start and end in characters; inner ones first.
    """
    parser = _PlacingParser(source, names, constants, lenient=False)
    return parser.parse(), parser.places


class _PlacingParser(_Parser):
    """Notes where what it reads stands. Apart, so that whoever writes without mistakes does not pay for it."""

    def __init__(
        self, source: str, names: frozenset[str], constants: Mapping[str, Expression], *, lenient: bool
    ) -> None:
        super().__init__(source, names, constants, lenient=lenient)
        self.places: list[tuple[Expression, tuple[int, int]]] = []

    def _noted(self, read: Callable[[], Expression]) -> Expression:
        start = self.position
        tree = read()
        self.places.append((tree, (self.starts[start], self.ends[self.position - 1])))
        return tree

    def _parse_expression(self) -> Expression:
        return self._noted(super()._parse_expression)

    def _parse_binary(self, level: int) -> Expression:
        return self._noted(partial(super()._parse_binary, level))

    def _parse_unary(self) -> Expression:
        return self._noted(super()._parse_unary)

    def _parse_primary(self) -> Expression:
        return self._noted(super()._parse_primary)
