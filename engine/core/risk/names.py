"""Resolves the names of a source text: its imports, and a name's bindings in a scope."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cached_property

from engine.core.risk.bindings import Binding, find_bindings, find_imports
from engine.core.risk.tree import Scope, SourceTree


class SourceNames(SourceTree):
    """A parsed source text with its imports and bindings."""

    @cached_property
    def imports(self) -> dict[str, str]:
        """The imported names, each with its full path: `{"F": "torch.nn.functional"}`."""
        return find_imports(self)

    @cached_property
    def roots(self) -> set[str]:
        """Names of the top-level modules that are imported, such as `torch`."""
        return {path.partition(".")[0] for path in self.imports.values()}

    @cached_property
    def bindings(self) -> list[Binding]:
        """Every binding of a name or attribute in the text."""
        return find_bindings(self, self.imports)

    @cached_property
    def by_name(self) -> dict[str, list[Binding]]:
        """All bindings by the bound name, whatever their scope."""
        found: dict[str, list[Binding]] = defaultdict(list)
        for b in self.bindings:
            found[b.name].append(b)
        return found

    def bindings_of(self, name: str, scope: Scope) -> list[Binding]:
        """Return the bindings that a name may refer to where it is read in a scope; [] if none."""
        candidates = self.by_name.get(name, [])
        at: Scope = scope
        while at is not None:
            own = [b for b in candidates if b.scope is at]
            if own and (at is scope or not isinstance(at, ast.ClassDef)):
                return own
            at = self.scope(at)
        return [b for b in candidates if b.scope is None]

    def stored_path(self, name: str) -> str:
        """Return a binding's name with an imported name at its root replaced by its full path."""
        root, dot, rest = name.partition(".")
        return self.imports.get(root, root) + dot + rest
