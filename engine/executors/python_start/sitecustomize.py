"""Makes each Python of a run import the worktree's modules, and notes which edited files it opens.

Python imports this file at its start, because its directory is the first one of PYTHONPATH. An
editable install, PYTHONPATH or `sys.path.insert` may name the user's checkout, and a package may
be installed as a copy: without this file the run would use other code than the edited one. It

- imports a module that is found in the checkout from the same place in the worktree,
- imports the package that holds an edited file from the worktree, wherever it is installed,
- appends the path of each file that is opened and has the name of an edited file to a list,
- reads the compiled code of installed packages and of the standard library from where it is, and
  not from the run's own directory, which is empty (importing PyTorch takes twice as long then),
- runs the environment's own `sitecustomize`, which it hides.

It has to run with any Python from 3.8 on. An error here must never break a run: it is noted in the
list. Nothing here keeps code that wants to hide from hiding.
"""

from __future__ import annotations

# What `importlib.util` and `importlib.machinery` offer, without their start-up time.
import _frozen_importlib_external as external
import os
import sys
from _frozen_importlib import ModuleSpec, module_from_spec

TYPE_CHECKING = False  # as the constant of `typing`, which would have to be imported
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType
    from typing import Any

_HOME = os.sep + ".autoresearch" + os.sep


def _split(name: str) -> list[str]:
    return [part for part in os.environ.get(name, "").split(os.pathsep) if part]


class _Imports:
    """Finds modules in the worktree instead of the checkout; stands first in `sys.meta_path`.

    Args:
        checkouts: The names of the top of the user's checkout.
        worktree: The top of the run's worktree.
        edited: The edited files, relative to the top.
    """

    def __init__(self, checkouts: list[str], worktree: str, edited: list[str]) -> None:
        self._checkouts = [path.rstrip(os.sep) for path in checkouts]
        self._worktree = worktree
        self._packages: dict[str, str] = {}
        for name in edited:
            directory, above = os.path.dirname(os.path.join(worktree, name)), ""
            while os.path.isfile(os.path.join(directory, "__init__.py")) and directory != worktree:
                directory, above = os.path.split(directory)
            if above:
                self._packages[above] = directory

    def moved(self, path: str) -> str:
        """Return the path in the worktree of a path in the checkout; "" where there is none."""
        for top in self._checkouts:
            if path == top or path.startswith(top + os.sep):
                if _HOME in path + os.sep:
                    return ""
                there = self._worktree + path[len(top) :]
                return there if os.path.exists(there) else ""
        return ""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the other finders find, at its place in the worktree."""
        usual = None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            if finder is not self and find is not None and usual is None:
                usual = find(name, path, target)
        root = self._packages.get(name)
        spec = None if root is None else external.PathFinder.find_spec(name, [root])
        if spec is None:
            return usual if usual is None else self._in_worktree(usual)
        others = list((usual and usual.submodule_search_locations) or ())
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations = self._places(spec.submodule_search_locations + others)
        return spec

    def _in_worktree(self, spec: ModuleSpec) -> ModuleSpec:
        if not isinstance(spec.loader, (external.SourceFileLoader, external.ExtensionFileLoader)):
            return spec
        there = self.moved(spec.origin or "")
        if not there:
            return spec
        places = spec.submodule_search_locations
        if places is not None:
            places = self._places(places)
        return (
            external.spec_from_file_location(spec.name, there, submodule_search_locations=places)
            or spec
        )

    def _places(self, places: list[str]) -> list[str]:
        """Return the directories of a package's modules: the worktree's, and after them others.

        Files that are not in the repository, such as a compiled extension, are only in those.
        """
        places = [self.moved(place) or place for place in places]
        checkouts = [
            self._checkouts[-1] + place[len(self._worktree) :]
            for place in places
            if place.startswith(self._worktree + os.sep)
        ]
        return list(dict.fromkeys(places + checkouts))


class _Opened:
    """Appends the paths of opened files to a list, once each; an audit hook.

    Args:
        listing: The path of the list.
        edited: The edited files, of which the last part of the path counts.
    """

    def __init__(self, listing: str, edited: list[str]) -> None:
        self._listing = listing
        self._names = tuple(os.path.basename(name) for name in edited)
        self._seen: set[tuple[str, str]] = set()

    def note(self, kind: str, text: str) -> None:
        """Append a line of two fields, separated by a tab."""
        if (kind, text) in self._seen:
            return
        self._seen.add((kind, text))
        try:
            target = os.open(self._listing, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(target, (kind + "\t" + text.replace("\n", "?") + "\n").encode("utf-8"))
            finally:
                os.close(target)
        except (OSError, ValueError):
            pass  # the disk is full, or the run has removed its directory

    def __call__(self, event: str, args: tuple[object, ...]) -> None:
        """Note the file of an event `open` for reading."""
        if event != "open":
            return
        path, mode = args[0], args[1]
        if not isinstance(path, str) or not path.endswith(self._names):
            return
        if os.path.basename(path) in self._names and str(mode)[0] in "rN":  # None: by os.open
            self.note("opened", os.path.realpath(path))


def _keep_installed_bytecode() -> None:
    """Let PYTHONPYCACHEPREFIX apply to all modules but the installed ones."""
    usual = external.cache_from_source
    library = os.path.dirname(os.__file__) + os.sep
    packages = tuple(os.sep + name + os.sep for name in ("site-packages", "dist-packages"))

    def cache_from_source(path: str, *args: Any, **named: Any) -> str:
        path = os.fspath(path)
        if not path.startswith(library) and not any(name in path for name in packages):
            return usual(path, *args, **named)
        prefix, sys.pycache_prefix = sys.pycache_prefix, None
        try:
            return usual(path, *args, **named)
        finally:
            sys.pycache_prefix = prefix

    external.cache_from_source = cache_from_source  # type: ignore[assignment]


def _run_hidden() -> None:
    """Run the `sitecustomize` that would have been found without this directory."""
    spec = external.PathFinder.find_spec("sitecustomize")
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


def _start() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != here]
    listing, edited = os.environ.get("AUTORESEARCH_OPENED", ""), _split("AUTORESEARCH_EDITED")
    worktree = os.environ.get("AUTORESEARCH_WORKTREE", "")
    if listing and worktree:
        opened = _Opened(listing, edited)
        opened.note("python", sys.executable)
        try:
            imports = _Imports(_split("AUTORESEARCH_CHECKOUT"), worktree, edited)
            sys.path[:] = [p for old in sys.path for p in (imports.moved(old), old) if p]
            sys.meta_path.insert(0, imports)
            sys.addaudithook(opened)
            _keep_installed_bytecode()
        except Exception as error:
            opened.note("error", repr(error))
    _run_hidden()


_start()
