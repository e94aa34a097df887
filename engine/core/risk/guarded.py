"""What a value comes from: the statements that make it, followed backwards through the text.

Followed: assignments, attributes, returns of the text's own functions, loops and conditions around
a statement. Not followed: what a model computes, since making it better is the whole point.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterable, Iterator

from engine.core.risk.bindings import Binding, Scope
from engine.core.risk.edit import Edit, Fact
from engine.core.risk.plain_tree import FunctionNode
from engine.core.risk.source import ParsedSource

_LIMIT = 400
_KNOB = re.compile(r"_?[A-Z][A-Z0-9_]*$")
_GUARDED_KNOB = re.compile(
    r"EVAL|(^|_)(VAL|TEST|UNCOUNTED|SKIP|EXCLUDED?|BUDGET|SECONDS|MINUTES|TIME)(_|$)"
)
_HARMLESS_WITH = re.compile(r"autocast|no_grad|inference_mode|nullcontext|sdpa_kernel|\bctx\b|_ctx")


class Slice:
    """All that a few expressions come from.

    Args:
        source: The text.
        harness: Matches paths into the harness.
        bodies: Whether the bodies of the text's own functions belong to it (not only what they
            return); never those that train.
    """

    def __init__(self, source: ParsedSource, harness: re.Pattern[str], *, bodies: bool) -> None:
        self.source = source
        self._harness = harness
        self._bodies = bodies
        self.facts: list[Fact] = []
        self.names: set[str] = set()
        self.functions: set[str] = set()
        self.called: set[str] = set()
        """Paths of what is called that is not the text's own."""
        self._seen: set[tuple[str, int]] = set()

    # ---- from outside

    def sink(self, statement: ast.AST) -> None:
        """Begin at a statement: it belongs to the slice with all that its values come from."""
        self.facts.append((f"{self.chain(statement)}{self.show(statement)}", statement))
        self._around(statement)
        self._callers(statement)
        self._follow(statement)

    def condition(self, test: ast.expr, holder: ast.AST) -> None:
        """Begin at a condition."""
        kind = type(holder).__name__
        self.facts.append((f"{self.chain(holder)}{kind} {self.show(test)}", test))
        self._around(holder)
        self._follow(test)

    def name(self, name: str, scope: Scope) -> None:
        """Begin at a name."""
        self._name(name, scope)

    # ---- following

    def _follow(self, node: ast.AST) -> None:
        for part, scope in self._loads(node):
            self._name(part, scope)

    def _loads(self, node: ast.AST) -> Iterator[tuple[str, Scope]]:
        """The names an expression reads, without models and what is handed to trainers."""
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return
            case ast.Call(func=function, args=args, keywords=keywords):
                own = self._own_call(function)
                if own is not None:
                    yield own, None
                    if not self._is_measuring(own):
                        return
                elif isinstance(function, ast.Name):
                    self.called.add(self.source.path(function))
                    if function.id not in self.source.models:
                        yield function.id, self.source.scope(node)
                elif isinstance(function, ast.Attribute):
                    self.called.add(self.source.path(function))
                    yield from self._loads(function.value)
                for child in (*args, *(k.value for k in keywords)):
                    yield from self._loads(child)
                return
            case ast.Attribute(value=value):
                chain = self.source.show(node)
                if re.fullmatch(r"[\w.]+", chain):
                    yield chain, self.source.scope(node)
                yield from self._loads(value)
                return
            case ast.Name(id=name, ctx=ast.Load()):
                if name not in self.source.models and name != "self":
                    yield name, self.source.scope(node)
                return
        for inner in ast.iter_child_nodes(node):
            if not isinstance(inner, ast.stmt):
                yield from self._loads(inner)

    def _own_call(self, function: ast.expr) -> str | None:
        if not isinstance(function, ast.Name):
            return None
        name = function.id
        return name if name in self.source.functions or name in self.source.classes else None

    def _is_measuring(self, name: str) -> bool:
        """Whether a function of the text's own may be part of a measurement: it does not train."""
        node = self.source.functions.get(name)
        if node is None or not self._bodies:
            return False
        return not any(
            isinstance(n, ast.Attribute) and n.attr in ("backward", "zero_grad")
            for n in self.source.within(node)
        )

    def _name(self, name: str, scope: Scope) -> None:
        key = (name, id(self._home(name, scope)))
        if key in self._seen or len(self.facts) > _LIMIT:
            return
        self._seen.add(key)
        self.names.add(name)
        if "." in name:
            self._attribute(name, scope)
            return
        for b in self.source.bindings_of(name, scope):
            self._binding(b)

    def _home(self, name: str, scope: Scope) -> Scope:
        if "." in name:
            return None
        bound = self.source.bindings_of(name, scope)
        return bound[0].scope if bound else None

    def _attribute(self, chain: str, scope: Scope) -> None:
        root, _, attr = chain.rpartition(".")
        library = self.source.imports.get(chain.partition(".")[0])
        if library is not None and not self._harness.match(library):
            return  # `patched-module` guards those
        for name, bound in self.source.by_name.items():
            owner, _, last = name.rpartition(".")
            if owner and last == attr and owner.partition(".")[0] != "self":
                for b in bound:
                    self._binding(b)
        for b in self.source.bindings_of(root, scope):
            value = b.value.func if isinstance(b.value, ast.Call) else None
            made = self.source.classes.get(value.id) if isinstance(value, ast.Name) else None
            if made is not None and not self.source.is_module_class(made):
                self._field(made, attr)

    def _field(self, owner: ast.ClassDef, attr: str) -> None:
        for b in [*self.source.by_name.get(attr, []), *self.source.by_name.get(f"self.{attr}", [])]:
            if self.source.class_of(b.node) is owner and (b.scope is owner or "." in b.name):
                self._binding(b)

    def _binding(self, b: Binding) -> None:
        node = b.node
        if isinstance(node, ast.Call):
            node = self.source.statement(node)
        if any(known is node for _, known in self.facts):
            return
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node)
                return
            case ast.ClassDef():
                self.facts.append((f"class {node.name}", node))
                return
            case ast.arg():
                self._parameter(node, b)
                return
            case ast.Import() | ast.ImportFrom():
                path = self.source.imports.get(b.name, b.name)
                if self._harness.match(path):
                    self.facts.append((f"import {b.name} = {path}", node))
                return
            case ast.For() | ast.AsyncFor():
                text = f"for {self.show(node.target)} in {self.show(node.iter)}"
                self.facts.append((self.chain(node) + text, node))
            case _:
                self.facts.append((self.chain(node) + self.show(node), node))
        self._around(node)
        if b.value is not None:
            self._follow(b.value)

    def _function(self, node: FunctionNode) -> None:
        if node.name in self.functions:
            return
        self.functions.add(node.name)
        if self._is_measuring(node.name):
            self.facts.append((self.show(node), node))
            for inner in node.body:
                for child in self.source.within(inner):
                    if (
                        isinstance(child, ast.Name)
                        and isinstance(child.ctx, ast.Load)
                        and child.id not in self.source.models
                    ):
                        self._name(child.id, self.source.scope(child))
            return
        self.facts.append((f"def {node.name}", node))
        for child in self.source.within(node):
            if (
                isinstance(child, ast.Return)
                and child.value is not None
                and self.source.function_of(child) is node
            ):
                self.facts.append((f"{node.name}: {self.show(child)}", child))
                self._follow(child.value)

    def _parameter(self, arg: ast.arg, b: Binding) -> None:
        if b.value is not None:
            self.facts.append((f"parameter {arg.arg} = {self.show(b.value)}", arg))
            self._follow(b.value)
        function = b.scope
        if not isinstance(function, FunctionNode):
            return
        names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
        for call in self.source.calls:
            if not (isinstance(call.func, ast.Name) and call.func.id == function.name):
                continue
            given = dict(zip(names, call.args, strict=False))
            given |= {k.arg: k.value for k in call.keywords if k.arg}
            if arg.arg in given:
                value = given[arg.arg]
                self.facts.append((f"argument {arg.arg} = {self.show(value)}", value))
                self._follow(value)

    def _callers(self, statement: ast.AST) -> None:
        """How often the function around a statement is called, and under what conditions."""
        function = self.source.function_of(statement)
        if function is not None:
            for call in self.source.calls:
                if isinstance(call.func, ast.Name) and call.func.id == function.name:
                    self.facts.append((f"{self.chain(call)}{function.name}()", call))

    def _around(self, node: ast.AST) -> None:
        for test in self._tests(node):
            self._follow(test)

    def _tests(self, node: ast.AST) -> Iterator[ast.expr]:
        for parent in self.source.up(node):
            if isinstance(parent, ast.If | ast.While):
                yield parent.test
            elif isinstance(parent, FunctionNode):
                return

    # ---- showing

    def chain(self, node: ast.AST) -> str:
        """What stands around a statement and decides whether and how often it is done."""
        parts: list[str] = []
        child: ast.AST = node
        for parent in self.source.up(node):
            match parent:
                case ast.If(test=test, body=body):
                    kind = "if" if child in body else "else of"
                    if "__name__" not in self.source.show(test):
                        parts.append(f"{kind} {self.source.show(test)}")
                case ast.While(test=test):
                    parts.append(f"while {self.source.show(test)}")
                case ast.For(target=target, iter=iterated):
                    head = f"for {self.source.show(target)} in {self.source.show(iterated)}"
                    parts.append(head)
                case ast.With(items=items) | ast.AsyncWith(items=items):
                    shown = [self.source.show(item) for item in items]
                    parts += [f"with {s}" for s in shown if not _HARMLESS_WITH.search(s)]
                case ast.Try():
                    parts.append("try")
                case ast.ExceptHandler():
                    parts.append("except")
                case ast.FunctionDef(name=name, decorator_list=decorators):
                    parts.append(f"def {name} {[self.source.show(d) for d in decorators]}")
            child = parent
        return "".join(f"{p} > " for p in reversed(parts))

    def show(self, node: ast.AST) -> str:
        """The node as code, with models and what trainers are handed left out."""
        if isinstance(node, FunctionNode):
            return self.source.show(node)
        return ast.unparse(_Mask(self).visit(copy.deepcopy(node)))


class _Mask(ast.NodeTransformer):
    def __init__(self, slice_: Slice) -> None:
        self._slice = slice_

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name("_model", node.ctx) if node.id in self._slice.source.models else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        own = self._slice._own_call(node.func)
        if own is not None and not self._slice._is_measuring(own):
            return ast.Call(node.func, [ast.Constant(...)], [])
        return self.generic_visit(node)


def differences(edit: Edit, before: Slice, after: Slice) -> tuple[list[ast.AST], list[ast.AST]]:
    """Statements of the candidate that are new, and of the base that are gone; knobs are free."""
    sides = {id(edit.base): before, id(edit.candidate): after}

    def facts(source: ParsedSource) -> Iterable[Fact]:
        free = free_knobs(edit)
        for key, node in sides[id(source)].facts:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)]) if name in free:
                    continue
            yield key, node

    return edit.added(facts), edit.removed(facts)


def free_knobs(edit: Edit) -> set[str]:
    """Module-level constants in capitals, set in the same number of places on both sides: they are
    research, not measurement.
    """
    before, after = (
        {
            (name, len(bound))
            for name, bound in source.by_name.items()
            if _KNOB.fullmatch(name)
            and not _GUARDED_KNOB.search(name)
            and all(b.scope is None and isinstance(b.node, ast.Assign) for b in bound)
        }
        for source in (edit.base, edit.candidate)
    )
    return {name for name, _ in before & after}
