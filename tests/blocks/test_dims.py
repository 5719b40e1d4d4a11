"""Dimensions against tables, and against Python's integers on random expressions."""

from __future__ import annotations

import ast
import copy
import itertools
import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archwright.blocks.notation.dim_compare import compare
from archwright.blocks.notation.dims import (
    MAX_COEFFICIENT,
    Dim,
    DimError,
    Symbol,
    ceil_div,
    dim_max,
    dim_min,
    dim_share,
)

NAMES = ("a", "b", "c")
SYMBOLS = {name: Symbol(name) for name in NAMES}
A, B, C = (Dim.of(SYMBOLS[name]) for name in NAMES)


def python(dim: Dim) -> str:
    return dim.to_python(lambda symbol: symbol.name)


TEXTS = [
    (Dim.of(0), "0", "0"),
    (Dim.of(-3), "-3", "-3"),
    (2 * A, "2*a", "2 * a"),
    (-A, "-a", "-a"),
    (4 - A, "4 - a", "4 - a"),
    (1 + B + A, "b + a + 1", "b + a + 1"),
    (A * B * A, "a**2*b", "a**2 * b"),
    ((A - 4) // 4 + 1, "a//4", "a // 4"),
    ((A - 3) // 2 + 1, "(a - 1)//2", "(a - 1) // 2"),
    ((A - 5) // 4 + 1, "(a - 1)//4", "(a - 1) // 4"),
    (ceil_div(A, 2), "ceil(a/2)", "(a + 1) // 2"),
    (ceil_div(A, B), "ceil(a/b)", "-(-a // b)"),
    (ceil_div(A + 1, B), "ceil((a + 1)/b)", "-((-a - 1) // b)"),
    (C - (-A) // B, "c + ceil(a/b)", "c - (-a // b)"),
    (ceil_div(A, 4) * ceil_div(B, 4), "ceil(a/4)*ceil(b/4)", "(a + 3) // 4 * ((b + 3) // 4)"),
    (ceil_div(A, C) * ceil_div(B, C), "ceil(a/c)*ceil(b/c)", "-a // c * (-b // c)"),
    (-ceil_div(A, C) * ceil_div(B, C), "-((-a)//c)*((-b)//c)", "-(-a // c) * (-b // c)"),
    (A % 4, "a%4", "a % 4"),
    (A % B, "a%b", "a % b"),
    ((4 - A % 4) % 4, "(-a)%4", "-a % 4"),
    (B - 4 * (A // 4), "b - 4*(a//4)", "b - 4 * (a // 4)"),
    (8 * A // 3, "8*a//3", "8 * a // 3"),
    (A // 2 // B, "a//2//b", "a // 2 // b"),
    (A // (B * C), "a//(b*c)", "a // (b * c)"),
    (A // B**2, "a//b**2", "a // b**2"),
    ((A // 4) * (B // 4), "(a//4)*(b//4)", "a // 4 * (b // 4)"),
    (-(A // 2) + B, "b - a//2", "b - a // 2"),
    (-(A // 3), "-(a//3)", "-(a // 3)"),
    (dim_min(A, B + 1, 7), "min(a, b + 1, 7)", "min(a, b + 1, 7)"),
    (2 * dim_max(A, B), "2*max(a, b)", "2 * max(a, b)"),
    ((A // 3) ** 2, "(a//3)**2", "(a // 3) ** 2"),
    (dim_share(A, 0.75), "3*a//4", "3 * a // 4"),
    (2 * dim_share(A * B, 0.93), "2*int(a*b*0.93)", "2 * int(a * b * 0.93)"),
    (dim_share(A // 4 + 1, 0.3) + B, "int((a//4 + 1)*0.3) + b", "int((a // 4 + 1) * 0.3) + b"),
]


@pytest.mark.parametrize(("dim", "text", "source"), TEXTS, ids=[text for _, text, _ in TEXTS])
def test_text(dim: Dim, text: str, source: str) -> None:
    assert (str(dim), python(dim)) == (text, source)
    assert repr(dim) == f"Dim({text})"


EQUAL = [
    (2 * A, A + A),
    (A * (A + 1), A * A + A),
    (A - A, 0),
    (6 * A // 3, 2 * A),
    (A * B // B, A),
    ((A * A - B * B) // (A - B), A + B),
    ((A + 3 * B) // B, A // B + 3),
    ((A + C * B) // B, A // B + C),
    ((A + C * (B + 1)) // (B + 1), A // (B + 1) + C),
    (4 * B * A // B, 4 * A),
    (A * B // (A * C), B // C),
    (2 * A // (2 * B), A // B),
    (-A // -B, A // B),
    (A // -3, -A // 3),
    (A // 2 // 3, A // 6),
    (((A - 10) // 5 + 1 - 3) // 2 + 1, A // 10 - 1),
    ((2 * A + 3) // 4, (A + 1) // 2),
    (A // B // 3, A // (3 * B)),
    (A // B // 3 // 2, A // (6 * B)),
    ((A + 1) // 2 // 2, (A + 1) // 4),
    (3 * A // 2 // 2, 3 * A // 4),
    (ceil_div(ceil_div(A, 2), 2), ceil_div(A, 4)),
    (ceil_div(ceil_div(A, 3) - 2, 5), ceil_div(A - 6, 15)),
    (8 * A // 3 // 2, 4 * A // 3),
    ((A + 4 * (A // 2)) // 3, (A + A // 2) // 3 + A // 2),
    ((A + 2 * (A // 2)) // 3, (A - A // 2) // 3 + A // 2),
    (B * (A // B) + A % B, A),
    (A % 4 + 4 * (A // 4), A),
    (A % B % B, A % B),
    (A % B // B, 0),
    (A % 1, 0),
    (7 * A % 7, 0),
    (7 * A % 3, A % 3),
    (ceil_div(A, 4), (A + 3) // 4),
    (A // 2 + ceil_div(A, 2), A),
    (dim_min(A, B), dim_min(B, A)),
    (dim_min(A, dim_min(B, A), B + 2), dim_min(A, B)),
    (dim_max(A, A + 1), A + 1),
    (dim_min(3, 7), 3),
    (dim_max(0, 0), 0),
    (dim_share(A, 0.3), dim_share(A, 0.3)),
    (dim_share(A, 0.5), A // 2),
    (dim_share(A, 1.0), A),
    (dim_share(A, 0.0), 0),
    (dim_share(Dim.of(100), 0.29), 28),
    (Dim.of(-7) // 2, -4),
    (7 // Dim.of(2), 3),
    (7 % Dim.of(4), 3),
    (7 - A, -(A - 7)),
    (A**0, 1),
    (0 // A, 0),
]


@pytest.mark.parametrize(("left", "right"), EQUAL, ids=[str(left) for left, _ in EQUAL])
def test_equal_and_hash(left: Dim, right: Dim | int) -> None:
    assert left == right
    assert hash(left) == hash(right)
    assert compare(left, right) == "equal"


@pytest.mark.parametrize("by", [1, 2, 3, 4, "b"])
@pytest.mark.parametrize("times", [-3, -2, -1, 1, 2, 3])
def test_floor_of_floor_on_a_grid(by: int | str, times: int) -> None:
    """``(k*(a//b) + r*a + s) // d`` for every small number of each."""
    inner = A // (B if by == "b" else by)
    for slope, shift, divisor in itertools.product((-1, 0, 1, 2), (-1, 0, 3), (1, 2, 3, 4, 5, 7)):
        dim = (times * inner + slope * A + shift) // divisor
        for a, b in itertools.product(range(-13, 25, 3), (-2, 3) if by == "b" else (by,)):
            expected = (times * (a // int(b)) + slope * a + shift) // divisor
            assert dim.evaluate({"a": a, "b": int(b)}) == expected, str(dim)


def test_conv_stem_is_one_floor() -> None:
    """Seven strided convolutions (wav2vec 2.0) nest into few terms and agree with the loop."""
    length: Any = A
    for kernel, stride in ((10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2)):
        length = (length - kernel) // stride + 1
    assert str(length) == "(a - 80)//320"
    for samples in range(400, 3000, 37):
        frames = samples
        for kernel, stride in ((10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2)):
            frames = (frames - kernel) // stride + 1
        assert length.evaluate({"a": samples}) == frames


COMPARED = [
    (A, A, "equal"),
    (A, B, "unproven"),
    (A + 1, A, "different"),
    (2 * A, A, "different"),
    (2 * A, B + 1, "unproven"),
    (2 * A, 2 * B + 1, "different"),
    (A * B + A, A, "different"),
    (A * B, A, "unproven"),
    (A, A // 2, "different"),
    (A, ceil_div(A, 2), "unproven"),
    (A % 4, 4, "different"),
    (A % 4, 3, "unproven"),
    (dim_min(A, B), A + 1, "different"),
    (dim_max(A, B), A - 1, "different"),
    (dim_max(A, B) + 1, dim_min(A, B), "different"),
    (dim_max(A, B), dim_min(A, B), "unproven"),
    (A // B, C, "unproven"),
    (dim_share(A, 0.3), A, "unproven"),
    (Dim.of(3), 4, "different"),
]


@pytest.mark.parametrize(("left", "right", "answer"), COMPARED, ids=[f"{a} ~ {b}" for a, b, _ in COMPARED])
def test_compare(left: Dim, right: Dim, answer: str) -> None:
    assert compare(left, right) == answer
    assert compare(right, left) == answer


def test_symbols_are_equal_by_identity() -> None:
    assert Dim.of(Symbol("a")) != A
    assert Dim.of(SYMBOLS["a"]) == A
    assert copy.deepcopy(A) is A
    assert A.symbols() == {SYMBOLS["a"]}
    assert (dim_min(A, B // C) * 2).symbols() == set(SYMBOLS.values())


def test_definitions() -> None:
    width = Symbol("d_model", Dim.of(768))
    heads = Symbol("num_heads", 12)
    head_dim = Symbol("head_dim", Dim.of(width) // Dim.of(heads))
    inner = Dim.of(head_dim) * 4 * A
    assert str(inner) in ("4*head_dim*a", "4*a*head_dim")
    assert inner.known is None
    assert inner.expanded() == 256 * A
    assert Dim.of(head_dim).known == 64
    assert int(Dim.of(head_dim)) == 64
    assert list(range(10))[Dim.of(Symbol("n", 3))] == 3
    assert inner.lift([head_dim]) == 4 * A * (Dim.of(width) // Dim.of(heads))
    assert inner.lift([heads, SYMBOLS["a"]]) is inner
    assert inner.lift([head_dim, width]) == inner.lift([head_dim])
    assert compare(Dim.of(width), 768) == "equal"
    assert Dim.of(width) != 768
    assert compare(dim_min(Dim.of(heads), 7), 7) == "equal"
    assert dim_min(Dim.of(heads), 7).known == 7


def test_known_where_the_extents_cancel() -> None:
    alias = Dim.of(Symbol("alias", A + 2))
    assert alias.known is None
    assert (alias - A).known == 2
    assert (A * Dim.of(Symbol("none", 0))).known == 0


def test_long_chain_of_definitions() -> None:
    value = A
    for index in range(20_000):
        value = Dim.of(Symbol(f"x{index}", value + 1))
    assert value.expanded() == A + 20_000
    assert value.known is None


def test_substitution_is_simultaneous() -> None:
    a, b = SYMBOLS["a"], SYMBOLS["b"]
    assert (A - 2 * B).substitute({a: B, b: A}) == B - 2 * A
    assert dim_min(A, B // 2).substitute({b: Dim.of(9)}) == dim_min(A, 4)


def test_truth_needs_a_known_number() -> None:
    assert bool(Dim.of(3)) and not bool(Dim.of(0))
    assert bool(Dim.of(Symbol("n", 2)))
    with pytest.raises(DimError, match=r"`2\*a` is known only when the model runs"):
        bool(2 * A)
    with pytest.raises(DimError):
        int(A)


BROKEN: list[tuple[str, Callable[[], object]]] = [
    ("exponent", lambda: A**65),
    ("negative exponent", lambda: A**-1),
    ("degree", lambda: (A**64) ** 5),
    ("sum too large", lambda: Dim.of(MAX_COEFFICIENT - 1) + 1),
    ("product too large", lambda: Dim.of(2**200) * A * 2**56),
    ("number too large", lambda: Dim.of(MAX_COEFFICIENT)),
    ("power too large", lambda: Dim.of(2**8) ** 32),
    ("terms", lambda: sum((Dim.of(Symbol("s")) for _ in range(40)), A) ** 4),
    ("zero divisor", lambda: A // 0),
    ("zero modulus", lambda: A % Dim.of(0)),
    ("zero by definition", lambda: (A // Dim.of(Symbol("z", 0))).known),
    ("zero by value", lambda: (A // (B - 1)).evaluate({"a": 1, "b": 1})),
    ("no value", lambda: A.evaluate({"b": 1})),
    ("no argument", lambda: dim_min()),
    ("a negative share", lambda: dim_share(A, -0.5)),
    ("a share of no number", lambda: dim_share(A, float("nan"))),
    ("a truth value", lambda: Dim.of(True)),
    ("a float", lambda: Dim.of(1.5)),  # pyright: ignore[reportArgumentType]
]


@pytest.mark.parametrize("attempt", [attempt for _, attempt in BROKEN], ids=[name for name, _ in BROKEN])
def test_refused(attempt: Callable[[], object]) -> None:
    with pytest.raises(DimError):
        attempt()


def test_depth_is_bounded() -> None:
    def deep(value: Any) -> None:
        for _ in range(100):
            value = dim_min(value * value // B, C)

    with pytest.raises(DimError, match="nested"):
        deep(A)
    value: Any = A
    for _ in range(20):
        value = dim_max(dim_min(value, B) + 1, C)
    assert eval(python(value), {}, {"a": 3, "b": 2, "c": 1, "min": min, "max": max}) == 3


def test_other_operands_are_refused() -> None:
    for function in (operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod, operator.pow):
        with pytest.raises(TypeError):
            function(A, 1.5)
        with pytest.raises(TypeError):
            function(A, None)


OPERATIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "+": (operator.add, operator.add),
    "-": (operator.sub, operator.sub),
    "*": (operator.mul, operator.mul),
    "//": (operator.floordiv, operator.floordiv),
    "%": (operator.mod, operator.mod),
    "ceil": (lambda a, b: -(-a // b), ceil_div),
    "min": (min, dim_min),
    "max": (max, dim_max),
}
Tree = Any
LEAVES = st.one_of(st.sampled_from(NAMES), st.integers(-9, 9))
TREES: st.SearchStrategy[Tree] = st.recursive(
    LEAVES, lambda inner: st.tuples(st.sampled_from(list(OPERATIONS)), inner, inner), max_leaves=9
)


def _over(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    divisor = st.one_of(st.integers(1, 6), st.sampled_from(NAMES[:2]))
    return st.tuples(st.sampled_from(["//", "//", "%", "ceil"]), inner, divisor)


def _mixed(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    scaled = st.tuples(st.just("*"), st.integers(-6, 6), inner)
    return st.one_of(scaled, st.tuples(st.sampled_from("+-"), st.one_of(inner, scaled), st.one_of(inner, scaled)))


# floors of sums of floors, by numbers more than by symbols: these meet the most rules
LINEAR = _mixed(LEAVES)
TAME: st.SearchStrategy[Tree] = _over(_mixed(st.one_of(LEAVES, _over(st.one_of(LINEAR, _over(LINEAR))))))
ANY_TREE = st.one_of(TREES, TAME)
VALUES = st.fixed_dictionaries({name: st.integers(1, 40) for name in NAMES})
SIGNED = st.fixed_dictionaries({name: st.integers(-25, 25) for name in NAMES})


def built(tree: Tree, symbols: dict[str, Dim]) -> Dim:
    """The tree as a dimension."""
    if isinstance(tree, int):
        return Dim.of(tree)
    if isinstance(tree, str):
        return symbols[tree]
    return OPERATIONS[tree[0]][1](built(tree[1], symbols), built(tree[2], symbols))


def dim_of(tree: Tree) -> Dim:
    try:
        return built(tree, {"a": A, "b": B, "c": C})
    except DimError:
        assume(False)
        raise


def number(tree: Tree, values: dict[str, int]) -> int:
    """The tree as an integer; ZeroDivisionError where Python has none."""
    if isinstance(tree, int):
        return tree
    if isinstance(tree, str):
        return values[tree]
    return OPERATIONS[tree[0]][0](number(tree[1], values), number(tree[2], values))


def number_or_reject(tree: Tree, values: dict[str, int]) -> int:
    try:
        return number(tree, values)
    except ZeroDivisionError:
        assume(False)
        raise


@given(st.integers(0, 10_000), st.one_of(st.floats(1e-30, 2), st.integers(0, 1000).map(lambda n: 1 - n / 1000)))
def test_shares_are_rounded_as_floats_are(extent: int, rate: float) -> None:
    share = dim_share(A + 1, rate)
    assert share.evaluate({"a": extent}) == int((extent + 1) * rate)
    assert eval(python(share), {"a": extent}) == int((extent + 1) * rate)


@settings(max_examples=500, deadline=None)
@given(ANY_TREE, SIGNED)
def test_evaluates_as_python(tree: Tree, values: dict[str, int]) -> None:
    expected = number_or_reject(tree, values)
    dim = dim_of(tree)
    assert dim.evaluate(values) == expected
    assert eval(python(dim), {"min": min, "max": max}, dict(values)) == expected
    assert dim.known is None or dim.known == expected


class Ceilings(ast.NodeTransformer):
    """Rewrites ``ceil(x / y)`` to ``-(-x // y)``."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.func, ast.Name) or node.func.id != "ceil":
            return node
        (ratio,) = node.args
        assert isinstance(ratio, ast.BinOp) and isinstance(ratio.op, ast.Div)
        return ast.UnaryOp(ast.USub(), ast.BinOp(ast.UnaryOp(ast.USub(), ratio.left), ast.FloorDiv(), ratio.right))


@settings(max_examples=500, deadline=None)
@given(ANY_TREE, SIGNED)
def test_text_says_the_same(tree: Tree, values: dict[str, int]) -> None:
    """The notation, read back with ``ceil(x/y)`` as a ceiling, is the same integer."""
    expected = number_or_reject(tree, values)
    notation = Ceilings().visit(ast.parse(str(dim_of(tree)), mode="eval"))
    code = compile(ast.fix_missing_locations(notation), "notation", "eval")
    assert eval(code, {"min": min, "max": max}, dict(values)) == expected


@settings(max_examples=150, deadline=None)
@given(ANY_TREE, SIGNED)
def test_substitution_agrees(tree: Tree, values: dict[str, int]) -> None:
    expected = number_or_reject(tree, values)
    dim = dim_of(tree)
    numbers = {SYMBOLS[name]: Dim.of(value) for name, value in values.items()}
    assert dim.substitute(numbers) == expected
    defined = {name: Symbol(name, value) for name, value in values.items()}
    dim = built(tree, {name: Dim.of(symbol) for name, symbol in defined.items()})
    assert dim.known == expected
    assert dim.lift(defined.values()) == expected
    assert dim.expanded() == expected


@settings(max_examples=150, deadline=None)
@given(ANY_TREE, ANY_TREE, ANY_TREE, VALUES)
def test_definitions_agree(tree: Tree, first: Tree, second: Tree, values: dict[str, int]) -> None:
    """Definitions over free symbols: expanding, lifting and substituting are one thing."""
    x, y = Symbol("x", dim_of(first)), Symbol("y", dim_of(second))
    outer = {"a": Dim.of(x), "b": Dim.of(y), "c": C}
    inner = {"a": number_or_reject(first, values), "b": number_or_reject(second, values), "c": values["c"]}
    expected = number_or_reject(tree, inner)
    try:
        dim = built(tree, outer)
        lifted = dim.lift([x, y])
    except DimError:
        assume(False)
        raise
    assert dim.evaluate(values) == lifted.evaluate(values) == expected
    assert dim.expanded() == lifted
    assert dim.expanded().expanded() is dim.expanded()
    assert compare(dim, lifted) == "equal"


@settings(max_examples=250, deadline=None)
@given(ANY_TREE, ANY_TREE, st.lists(VALUES, min_size=4, max_size=12))
def test_compare_is_sound(left: Tree, right: Tree, rows: list[dict[str, int]]) -> None:
    one, two = dim_of(left), dim_of(right)
    answer = compare(one, two)
    assert (one == two) is (two == one)
    assert one != two or (hash(one) == hash(two) and answer == "equal")
    for values in rows:
        try:
            same = number(left, values) == number(right, values)
        except ZeroDivisionError:
            continue
        assert answer == "unproven" or same is (answer == "equal")


SMALL_TREES = st.recursive(
    st.one_of(st.sampled_from(NAMES[:2]), st.integers(-4, 4)),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["+", "-", "*", "min", "max"]), inner, inner),
        st.tuples(st.sampled_from(["//", "%"]), inner, st.integers(1, 4)),
    ),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(SMALL_TREES, SMALL_TREES)
def test_compare_is_sound_on_a_grid(left: Tree, right: Tree) -> None:
    answer = compare(dim_of(left), dim_of(right))
    grid = [{"a": a, "b": b} for a in range(1, 13) for b in range(1, 13)]
    same = {number(left, values) == number(right, values) for values in grid}
    assert answer == "unproven" or same == {answer == "equal"}


@settings(max_examples=150, deadline=None)
@given(TREES, TREES, st.sampled_from([A, B + 1, 3 * A, A * B, Dim.of(5), Dim.of(7), A - B]))
def test_rules_of_division(left: Tree, right: Tree, divisor: Dim) -> None:
    """Multiples leave a floor, and quotient and remainder make the whole, whatever the dividend is."""
    x, k = dim_of(left), dim_of(right)
    try:
        assert (x + k * divisor) // divisor == x // divisor + k
        assert divisor * (x // divisor) + x % divisor == x
        assert (x + k * divisor) % divisor == x % divisor
        assert k * divisor // divisor == k
    except DimError:
        assume(False)
