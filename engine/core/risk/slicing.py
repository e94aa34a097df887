"""Finds the statements of a source text that a value is computed from: its backward slice.

Assignments, attributes, return values of the text's own functions, and the loops and conditions
around a statement are followed. What a model computes is not followed, since improving it is the
purpose of an experiment.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator

from engine.core.risk.bindings import Binding
from engine.core.risk.edit import Fact
from engine.core.risk.source import ParsedSource
from engine.core.risk.tree import FunctionNode, Scope

_LIMIT = 400
_HARMLESS_WITH = re.compile(r"autocast|no_grad|inference_mode|nullcontext|sdpa_kernel|\bctx\b|_ctx")


class Slice:
    """A backward slice: the statements that a few chosen expressions are computed from.

    Args:
        source: The parsed text.
        harness: A pattern that matches the dotted paths into the locked files.
        bodies: Whether the bodies of the text's own functions belong to the slice, not only the
            values they return. Functions that train never do.
    """

    def __init__(self, source: ParsedSource, harness: re.Pattern[str], *, bodies: bool) -> None:
        self.source = source
        self._harness = harness
        self._bodies = bodies
        self.facts: list[Fact] = []
        self.called: set[str] = set()
        """Dotted paths of the functions that the slice calls and the text does not define."""
        self._functions: set[str] = set()
        self._seen: set[tuple[str, frozenset[int]]] = set()

    def add_statement(self, statement: ast.AST) -> None:
        """Add a statement to the slice, with everything its values are computed from."""
        self.facts.append((f"{self.blocks_around(statement)}{self.code(statement)}", statement))
        self._follow_conditions(statement)
        self._callers(statement)
        self._follow(statement)

    def add_condition(self, test: ast.expr, holder: ast.AST) -> None:
        """Add a condition to the slice, with everything it is computed from.

        Args:
            test: The condition.
            holder: The `if` or `while` it belongs to.
        """
        kind = type(holder).__name__
        self.facts.append((f"{self.blocks_around(holder)}{kind} {self.code(test)}", test))
        self._follow_conditions(holder)
        self._follow(test)

    # ---- following

    def _follow(self, node: ast.AST) -> None:
        for part, scope in self._loads(node):
            self._name(part, scope, node)

    def _loads(self, node: ast.AST) -> Iterator[tuple[str, Scope]]:
        """Yield the names that an expression reads, each with the scope to resolve it in.

        Left out are models, and what is passed to functions of the text that cannot measure.
        """
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return
            case ast.Call(func=function, args=args, keywords=keywords):
                own = self.own_function(function)
                if own is not None:
                    yield own, None
                    if not self.can_measure(own):
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
                chain = self.source.code(node)
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

    def own_function(self, function: ast.expr) -> str | None:
        """Return the name of a called function or class if the text defines it, else None."""
        if not isinstance(function, ast.Name):
            return None
        name = function.id
        return name if name in self.source.functions or name in self.source.classes else None

    def can_measure(self, name: str) -> bool:
        """Return whether a function of the text may measure: it does not call `backward`.

        False for a class, and for a slice without the bodies of functions.
        """
        node = self.source.functions.get(name)
        if node is None or not self._bodies:
            return False
        return not any(
            isinstance(n, ast.Attribute) and n.attr in ("backward", "zero_grad")
            for n in self.source.within(node)
        )

    def _name(self, name: str, scope: Scope, use: ast.AST) -> None:
        """Add what a name is bound to.

        Args:
            name: The name, or a chain of attributes.
            scope: The scope to resolve it in.
            use: The expression or statement that reads it.
        """
        bound = [] if "." in name else self.source.bindings_of(name, scope)
        bound = [b for b in bound if self._reaches(b, use)]
        key = (name, frozenset(id(b.node) for b in bound))
        if key in self._seen or len(self.facts) > _LIMIT:
            return
        self._seen.add(key)
        if "." in name:
            self._attribute(name, scope)
        for b in bound:
            self._binding(b)

    def _reaches(self, b: Binding, use: ast.AST) -> bool:
        """Return whether a binding may come before a use: not where it follows, outside a loop."""
        function = self.source.function_of(use)
        if self.source.function_of(b.node) is not function or b.scope is not function:
            return True  # the order of calls is not known
        after = getattr(b.node, "lineno", 0) > (getattr(use, "end_lineno", None) or 0) > 0
        if not after:
            return True
        loops = (ast.For, ast.AsyncFor, ast.While)
        around = [n for n in self.source.ancestors(use) if isinstance(n, loops)]
        return any(n in around for n in self.source.ancestors(b.node))

    def _attribute(self, chain: str, scope: Scope) -> None:
        root, _, attr = chain.rpartition(".")
        library = self.source.imports.get(chain.partition(".")[0])
        if library is not None and not self._harness.match(library):
            return  # the rule `patched-module` guards these
        for name, bound in self.source.by_name.items():
            owner, _, last = name.rpartition(".")
            if owner and last == attr and owner.partition(".")[0] != "self":
                for b in bound:
                    self._binding(b)
        for b in self.source.bindings_of(root, scope):
            value = b.value.func if isinstance(b.value, ast.Call) else None
            class_node = self.source.classes.get(value.id) if isinstance(value, ast.Name) else None
            if class_node is not None and not self.source.is_module_class(class_node):
                self._field(class_node, attr)

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
                shadows = len(self.source.by_name[b.name]) > 1
                if self._harness.match(path) or shadows:
                    self.facts.append((f"import {b.name} = {path}", node))
                return
            case ast.For() | ast.AsyncFor():
                text = f"for {self.code(node.target)} in {self.code(node.iter)}"
                self.facts.append((self.blocks_around(node) + text, node))
            case _:
                self.facts.append((self.blocks_around(node) + self.code(node), node))
        self._follow_conditions(node)
        if b.value is not None:
            self._follow(b.value)

    def _function(self, node: FunctionNode) -> None:
        if node.name in self._functions:
            return
        self._functions.add(node.name)
        if self.can_measure(node.name):
            self.facts.append((self.code(node), node))
            for inner in node.body:
                for child in self.source.within(inner):
                    if (
                        isinstance(child, ast.Name)
                        and isinstance(child.ctx, ast.Load)
                        and child.id not in self.source.models
                    ):
                        self._name(child.id, self.source.scope(child), child)
            return
        self.facts.append((f"def {node.name}", node))
        for child in self.source.within(node):
            if (
                isinstance(child, ast.Return)
                and child.value is not None
                and self.source.function_of(child) is node
            ):
                self.facts.append((f"{node.name}: {self.code(child)}", child))
                self._follow(child.value)

    def _parameter(self, arg: ast.arg, b: Binding) -> None:
        if b.value is not None:
            self.facts.append((f"parameter {arg.arg} = {self.code(b.value)}", arg))
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
                self.facts.append((f"argument {arg.arg} = {self.code(value)}", value))
                self._follow(value)

    def _callers(self, statement: ast.AST) -> None:
        """Add the calls of the function that contains a statement, with the blocks around each."""
        function = self.source.function_of(statement)
        if function is not None:
            for call in self.source.calls:
                if isinstance(call.func, ast.Name) and call.func.id == function.name:
                    self.facts.append((f"{self.blocks_around(call)}{function.name}()", call))

    def _follow_conditions(self, node: ast.AST) -> None:
        for test in self._conditions(node):
            self._follow(test)

    def _conditions(self, node: ast.AST) -> Iterator[ast.expr]:
        for parent in self.source.ancestors(node):
            if isinstance(parent, ast.If | ast.While):
                yield parent.test
            elif isinstance(parent, FunctionNode):
                return

    # ---- showing

    def blocks_around(self, node: ast.AST) -> str:
        """Return the `if`, `while`, `for` and other blocks around a statement as text.

        They decide whether and how often it runs; outermost first, each followed by ` > `.
        """
        parts: list[str] = []
        child: ast.AST = node
        for parent in self.source.ancestors(node):
            match parent:
                case ast.If(test=test, body=body):
                    kind = "if" if child in body else "else of"
                    if "__name__" not in self.source.code(test):
                        parts.append(f"{kind} {self.source.code(test)}")
                case ast.While(test=test):
                    parts.append(f"while {self.source.code(test)}")
                case ast.For(target=target, iter=iterated):
                    head = f"for {self.source.code(target)} in {self.source.code(iterated)}"
                    parts.append(head)
                case ast.With(items=items) | ast.AsyncWith(items=items):
                    shown = [self.source.code(item) for item in items]
                    parts += [f"with {s}" for s in shown if not _HARMLESS_WITH.search(s)]
                case ast.Try():
                    parts.append("try")
                case ast.ExceptHandler():
                    parts.append("except")
                case ast.FunctionDef(name=name, decorator_list=decorators):
                    parts.append(f"def {name} {[self.source.code(d) for d in decorators]}")
            child = parent
        return "".join(f"{p} > " for p in reversed(parts))

    def code(self, node: ast.AST) -> str:
        """Return a node as code, with models and arguments of training functions masked.

        So two nodes that differ only there have the same code.
        """
        if isinstance(node, FunctionNode):
            return self.source.code(node)
        return ast.unparse(_Mask(self).visit(copy.deepcopy(node)))


class _Mask(ast.NodeTransformer):
    """Replaces models, and arguments of training functions, in an expression by placeholders."""

    def __init__(self, slice_: Slice) -> None:
        self._slice = slice_

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name("_model", node.ctx) if node.id in self._slice.source.models else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        own = self._slice.own_function(node.func)
        if own is not None and not self._slice.can_measure(own):
            return ast.Call(node.func, [ast.Constant(...)], [])
        return self.generic_visit(node)
