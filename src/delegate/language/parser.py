"""Text into a tree, by the grammar of CEL (SPEC §6.7).

Rules of this file:

- Each `_parse_…` method's docstring is its grammar rule.
- Nesting is bounded by `limits.SYNTAX_DEPTH` while reading, and the tree by the limits after: no text can exhaust the
  interpreter's stack.
- Unknown names and functions are refused here, at their place; only for `evaluate` they are not.
- A bound value takes the place of its name as a tree of literals. It never becomes text, so nothing in it can
  become an operator.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from delegate.core.evaluator.opcodes import ARITIES, CAVEAT_NAMES, RESERVED, Op
from delegate.errors import CaveatSyntaxError
from delegate.language.lexer import Token, tokens
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
        constants: trees that take the place of names; they come before variables.
        lenient: unknown names and functions are no errors here but when they are evaluated, and the tree may be
            up to `limits.SYNTAX_DEPTH` deep. Such a tree is for `evaluate` alone.

    Returns:
        The tree, and which constants occur in it.

    Raises:
        CaveatSyntaxError: MALFORMED, with the place.
    """
    parser = _Parser(source, names, constants or {}, lenient=lenient)
    return parser.parse(), frozenset(parser.used)


class _Parser:
    def __init__(
        self, source: str, names: frozenset[str], constants: Mapping[str, Expression], *, lenient: bool
    ) -> None:
        self.source = source
        self.tokens = tokens(source)
        self.place = 0
        self.names = names
        self.constants = constants
        self.lenient = lenient
        self.local: tuple[str, ...] = ()
        self.used: set[str] = set()
        self.depth = 0

    def parse(self) -> Expression:
        tree = self._parse_expression()
        if self.tokens[self.place].kind != "end":
            self._fail("expected an operator or the end")
        if len(self.tokens) <= EXPRESSION_DEPTH and not self.used:
            return tree  # each level takes a token, a third comprehension more than these: saves 2 µs a caveat
        depth, folds = (SYNTAX_DEPTH, SYNTAX_DEPTH) if self.lenient else (EXPRESSION_DEPTH, COMPREHENSION_DEPTH)
        problem = excess(tree, depth, folds)
        if problem:
            raise CaveatSyntaxError(problem, source=self.source, span=(0, len(self.source)))
        return tree

    def _parse_expression(self) -> Expression:
        """`expression` = or ["?" or ":" expression] ;  or = the least binding level of `_parse_binary`."""
        if self.depth == SYNTAX_DEPTH:
            self._fail(f"nested more than {SYNTAX_DEPTH} deep")
        self.depth += 1
        tree = self._parse_binary(_LOOSEST)
        if self._take("?"):
            middle = self._parse_binary(_LOOSEST)
            self._expect(":")
            tree = Call(Op.CONDITION, (tree, middle, self._parse_expression()))
        self.depth -= 1
        return tree

    def _parse_binary(self, level: int) -> Expression:
        """`level` = next { operator next } ;  levels: `||`, `&&`, relations, `+ -`, `* / %`, unary.

        By precedence, and not a function a level: saves 3 µs a caveat.
        """
        tree = self._parse_unary()
        while True:
            binding, op = _BINDING.get(self.tokens[self.place].kind, _NONE)
            if binding < level:
                return tree
            self.place += 1
            right = self._parse_binary(binding + 1)
            tree = junction(op, (tree, right)) if binding < _JUNCTIONS else Call(op, (tree, right))

    def _parse_unary(self) -> Expression:
        """`unary` = member | "!" {"!"} member | "-" {"-"} member ;  an even number of either is none, as CEL says."""
        sign = self.tokens[self.place].kind
        if sign not in {"!", "-"}:
            return self._parse_member()
        count = 0
        while self._take(sign):
            count += 1
        if sign == "-" and count == 1 and self.tokens[self.place].kind in {"int", "double"}:
            self.place -= 1
            return self._parse_member()
        tree = self._parse_member()
        return tree if count % 2 == 0 else Call(Op.NOT if sign == "!" else Op.NEGATE, (tree,))

    def _parse_member(self) -> Expression:
        """`member` = primary { "." field ["(" arguments ")"] | "[" expression "]" } ;  field = NAME | QUOTED."""
        tree = self._parse_primary()
        while True:
            if self._take("."):
                token = self._next()
                if token.kind == "name" and self._take("("):
                    tree = self._parse_method(tree, token)
                elif token.kind in {"name", "quoted"}:
                    tree = select(tree, str(token.value))
                else:
                    self._fail("expected the name of a field or function", token)
            elif self._take("["):
                tree = index(tree, self._parse_expression())
                self._expect("]")
            else:
                return tree

    def _parse_primary(self) -> Expression:
        """`primary` = ["-"] NUMBER | TEXT | "true" | "false" | "null" | "(" expression ")" | list | map | named."""
        token = self._next()
        match token.kind:
            case "int" | "double" | "-":
                return self._number(token)
            case "text":
                return Literal(token.value)
            case "true" | "false" | "null":
                return Literal(_KEYWORD_VALUES[token.kind])
            case "(":
                tree = self._parse_expression()
                self._expect(")")
                return tree
            case "[":
                return ListOf(tuple(self._parse_items("]")))
            case "{":
                return self._parse_map()
            case "name":
                return self._parse_named(token)
        self._fail("expected a value" if token.kind != "end" else "the text ends where a value is expected", token)

    def _number(self, token: Token) -> Expression:
        negative = token.kind == "-"
        number = self._next() if negative else token
        if number.kind not in {"int", "double"}:
            self._fail("expected a value", token)
        value = number.value
        assert isinstance(value, (int, float))  # noqa: S101 - for the type checker
        value = -value if negative else value
        if isinstance(value, int) and value > INTEGER_MAX:
            self._fail("an integer beyond 64 bits", number)
        if self.tokens[self.place].kind == "name" and self.tokens[self.place].start == number.end:
            self._fail("a number is followed by an operator", self.tokens[self.place])
        return Literal(value)

    def _parse_items(self, closing: str) -> list[Expression]:
        """`items` = [ expression { "," expression } [","] ] closing ;  a comma may end a list, not arguments."""
        items: list[Expression] = []
        while not self._take(closing):
            items.append(self._parse_expression())
            if not self._take(","):
                self._expect(closing)
                break
            if closing == ")" and self.tokens[self.place].kind == ")":
                self._fail("expected a value")
        return items

    def _parse_map(self) -> Expression:
        """`map` = "{" [ expression ":" expression { "," expression ":" expression } [","] ] "}"."""
        entries: list[tuple[Expression, Expression]] = []
        while not self._take("}"):
            key = self._parse_expression()
            self._expect(":")
            entries.append((key, self._parse_expression()))
            if not self._take(","):
                self._expect("}")
                break
        return MapOf(tuple(entries))

    def _parse_named(self, token: Token) -> Expression:
        """`named` = NAME | NAME "(" arguments ")" | namespace "." NAME "(" arguments ")"."""
        name = str(token.value)
        if name in RESERVED:
            self._fail(f"`{name}` is a reserved word", token)
        if self._take("("):
            return self._parse_function(token)
        if name in _NAMESPACES and self.tokens[self.place].kind == ".":
            function = self.tokens[self.place + 1]
            op = NAMESPACED.get((name, str(function.value)))
            if op is not None and self.tokens[self.place + 2].kind == "(":
                self.place += 3
                return self._call(op, self._parse_items(")"), function)
        if name not in self.local:
            if name in self.constants:
                self.used.add(name)
                return self.constants[name]
            if name not in self.names and not self.lenient:
                self._fail(f"there is no name `{name}` to read here", token)
        return Path((name,))

    def _parse_function(self, token: Token) -> Expression:
        """`function` = "(" items ;  `has` takes a field, as `has(args.amount)`."""
        name = str(token.value)
        self._check_function(name, _FUNCTION_NAMES, token)
        arguments = self._parse_items(")")
        if name == "has" and len(arguments) == 1:
            return self._has(arguments[0], token)
        if name == "matches":
            return self._call(Op.MATCHES, arguments, token)
        return self._call(FUNCTIONS.get(name), arguments, token)

    def _has(self, argument: Expression, token: Token) -> Expression:
        # `m["k"]` and `m.k` are one tree, yet `has` takes the second alone: the tokens tell.
        dot, field, closing = self.tokens[self.place - 3 : self.place]
        written = (dot.kind, closing.kind) == (".", ")") and field.kind in {"name", "quoted"}
        if not written or not isinstance(argument, (Path, Select)):
            self._fail("`has` takes the field of something, as in `has(args.amount)`", token)
        return Has(argument)

    def _parse_method(self, receiver: Expression, token: Token) -> Expression:
        """`method` = "(" items | fold ;  a comprehension has the name of its variable first."""
        name = str(token.value)
        variable = self.tokens[self.place]
        named = variable.kind == "name" and self.tokens[self.place + 1].kind == ","
        if named and any(macro == name for macro, _ in MACROS) and variable.value not in RESERVED:
            return self._parse_fold(receiver, token, variable)
        self._check_function(name, _METHOD_NAMES, token)
        arguments = self._parse_items(")")
        if (name, len(arguments)) in MACROS:
            self._fail(f"`{name}` takes the name of a variable first", variable)
        if name == "size":
            return self._call(Op.SIZE, [receiver, *arguments], token)
        return self._call(METHODS.get(name), [receiver, *arguments], token)

    def _parse_fold(self, source: Expression, token: Token, variable: Token) -> Expression:
        """`fold` = "(" NAME "," expression ["," expression] ")" ;  the variable hides whatever has its name."""
        name = str(variable.value)
        outer, self.local = self.local, (*self.local, name)
        self.place += 2
        bodies = self._parse_items(")")
        self.local = outer
        op = MACROS.get((str(token.value), len(bodies) + 1))
        if op is None:
            return self._call(None, bodies, token)
        return Fold(op, source, name, tuple(bodies))

    def _check_function(self, name: str, known: frozenset[str], token: Token) -> None:
        # Before its arguments: an unknown name in these would else be blamed, as in `l.existsOne(x, x > 1)`.
        if name not in known and not self.lenient:
            self._fail(f"there is no function `{name}`", token)

    def _call(self, op: Op | None, operands: list[Expression], token: Token) -> Expression:
        if op is not None:
            least, most = ARITIES[op]
            if least <= len(operands) <= most:
                return Call(op, tuple(operands))
        if self.lenient:
            return Unknown(str(token.value))
        self._fail(f"`{token.value!s}` takes other arguments", token)

    def _next(self) -> Token:
        token = self.tokens[self.place]
        if token.kind != "end":
            self.place += 1
        return token

    def _take(self, kind: str) -> bool:
        if self.tokens[self.place].kind == kind:
            self.place += 1
            return True
        return False

    def _expect(self, kind: str) -> None:
        if not self._take(kind):
            self._fail(f"expected `{kind}`")

    def _fail(self, detail: str, token: Token | None = None) -> NoReturn:
        at = token or self.tokens[self.place]
        raise CaveatSyntaxError(detail, source=self.source, span=(at.start, max(at.end, at.start + 1)))
