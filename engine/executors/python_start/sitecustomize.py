"""Makes each Python of a run import the worktree's modules, and notes which edited files it opens.

Python imports this file at its start, because its directory is the first one of PYTHONPATH. An
editable install, PYTHONPATH or `sys.path.insert` may name the user's checkout, and a package may
be installed as a copy: without this file the run would use other code than the edited one. It

- imports a module that is found in the checkout from the same place in the worktree,
- imports the worktree's module or package with an edited file where a copy of it is installed,
- appends the path of each file that is opened and has the name of an edited file to a list; a copy
  with the same content as the edited file counts as that file,
- appends the paths of all other files that Python code opens, the directories that it lists and the
  installed packages that it imports to another list: the inputs of the run,
- reads the compiled code of installed packages and of the standard library from where it is, and
  not from the run's own directory, which is empty (importing PyTorch takes twice as long then),
- runs the environment's own `sitecustomize`, which it hides.

It has to run with any Python from 3.8 on. An error here must never break a run: it is printed to
the log of the run. Nothing here keeps code that wants to hide from hiding.
"""

from __future__ import annotations

# What `importlib.util` and `importlib.machinery` offer, without their start-up time.
import _frozen_importlib_external as external
import os
import sys
from _frozen_importlib import ModuleSpec, module_from_spec
from _thread import get_ident

TYPE_CHECKING = False  # as the constant of `typing`, which would have to be imported
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType
    from typing import Any

_CREATES = os.O_CREAT | os.O_TRUNC
_HOME = os.sep + ".autoresearch" + os.sep


def _lines(name: str) -> list[str]:
    return [line for line in os.environ.get(name, "").split("\n") if line]


class _Imports:
    """Finds modules in the worktree instead of the checkout; stands in `sys.meta_path`.

    Args:
        checkout: The real path of the top of the user's checkout.
        worktree: The top of the run's worktree.
        edited: The edited files, relative to the top.
    """

    def __init__(self, checkout: str, worktree: str, edited: list[str]) -> None:
        self._checkout = checkout
        self._worktree = worktree
        self._directories: dict[str, str] = {}
        self._parts: dict[str, tuple[str, str]] = {}
        """By the last part of their names: modules and packages that hold an edited file.

        The values are their path without `.py`, and the edited file relative to that.
        """
        for name in edited:
            own = os.path.join(worktree, name)
            above = os.path.dirname(own)
            package = ""
            while os.path.isfile(os.path.join(above, "__init__.py")) and above != worktree:
                package, above = above, os.path.dirname(above)
            if package:
                part, inside = package, own[len(package) + 1 :]
            else:
                part, inside = own[:-3], ""
            if package or own.endswith(".py"):
                self._parts[os.path.basename(part)] = part, inside

    def directory(self, path: str) -> str:
        """Return the directory of the worktree for one of the checkout; "" where there is none."""
        if path not in self._directories:
            real, there = os.path.realpath(path), ""
            if real == self._checkout or real.startswith(self._checkout + os.sep):
                below = real[len(self._checkout) :]
                if _HOME not in below + os.sep:
                    there = self._worktree + below
            # Environments and data are links in the worktree, and stay where they are.
            is_own = there and os.path.isdir(there) and os.path.realpath(there) == there
            self._directories[path] = there if is_own else ""
        return self._directories[path]

    def _file(self, path: str) -> str:
        directory, name = os.path.split(path)
        above = self.directory(directory)
        if not above and os.path.islink(path):  # such as in the directory of an editable install
            directory, name = os.path.split(os.path.realpath(path))
            above = self.directory(directory)
        there = above and os.path.join(above, name)
        return there if os.path.isfile(there) else ""

    def move(self, spec: ModuleSpec) -> ModuleSpec:
        """Let a module of the checkout be loaded from its place in the worktree."""
        origin, loader = spec.origin, spec.loader
        if not origin or getattr(loader, "path", None) != origin:
            return spec
        try:
            there = self._file(origin)
        except (OSError, ValueError):
            return spec  # the working directory was removed, or it is not a path
        if there:
            # A loader of another program, such as one that adds type checks, is kept.
            loader.path = spec.origin = there  # type: ignore[union-attr]
            spec.cached = None
        places = spec.submodule_search_locations
        if places is not None and (there or origin.startswith(self._worktree + os.sep)):
            spec.submodule_search_locations = self._places(places)
        return spec

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the finders after this one find, at its place in the worktree."""
        usual = None
        finders = sys.meta_path
        for finder in finders[finders.index(self) + 1 if self in finders else 0 :]:
            find = getattr(finder, "find_spec", None)
            usual = None if find is None else find(name, path, target)
            if usual is not None:
                break
        if usual is None:
            return None
        usual = self.move(usual)
        part, inside = self._parts.get(name.rpartition(".")[2], ("", ""))
        if not part or not self._is_copy(name, usual, part, inside):
            return usual
        spec = external.PathFinder.find_spec(name, [os.path.dirname(part)])
        if spec is not None and spec.submodule_search_locations is not None:
            places = [*spec.submodule_search_locations, *(usual.submodule_search_locations or ())]
            spec.submodule_search_locations = self._places(places)
        return spec or usual

    def _is_copy(self, name: str, spec: ModuleSpec, part: str, inside: str) -> bool:
        """Return whether a module is an installed copy of one that holds an edited file."""
        if not spec.has_location or not part.endswith(os.sep + name.replace(".", os.sep)):
            return False
        origin = os.path.realpath(spec.origin or "")
        if origin.startswith(self._worktree + os.sep):
            return False
        if inside:
            places = spec.submodule_search_locations or ()
            return any(os.path.isfile(os.path.join(place, inside)) for place in places)
        # Modules of one file often have the same name and nothing else in common.
        return _read(origin) == _read(self._checkout + part[len(self._worktree) :] + ".py")

    def _places(self, places: list[str]) -> list[str]:
        """Return the directories of a package's modules: the worktree's, and after them others.

        Files that are not in the repository, such as a compiled extension, are only in those.
        """
        places = [self.directory(place) or place for place in places]
        checkouts = [
            self._checkout + place[len(self._worktree) :]
            for place in places
            if place.startswith(self._worktree + os.sep) and os.path.realpath(place) == place
        ]
        return list(dict.fromkeys(places + checkouts))


_reading: set[int] = set()
"""The threads that read a file for this module, which is not listed."""


def _read(path: str) -> bytes:
    _reading.add(get_ident())
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
    finally:
        _reading.discard(get_ident())


class _Inputs:
    """Appends the files, directories and packages that a run reads to a list, once each.

    The lines have two fields: `read`, `wrote`, `listed` or `package`, and a path; `full` ends the
    list of a process that opened more files than are listed.

    Args:
        listing: The path of the list.
        worktree: The top of the run's worktree.
    """

    MOST = 200_000
    """The most paths that one process lists."""

    def __init__(self, listing: str, worktree: str) -> None:
        self._listing = listing
        self._file = -1
        self._identity = (0, 0)
        self._read: set[str] = {listing}
        self._wrote: set[str] = {listing}
        self._packages: set[str] = set()
        self._library = tuple(
            os.path.join(prefix, "")
            for prefix in {sys.prefix, sys.base_prefix, os.path.dirname(os.__file__)}
            if prefix not in ("/usr", "/usr/local") and not worktree.startswith(prefix)
        )
        self._elsewhere = ("/proc/", "/sys/", "/dev/", *self._library)

    def _append(self, line: str) -> None:
        """Append a line; the list stays open, since a run may open a hundred thousand files."""
        try:
            status = os.fstat(self._file)
            is_open = (status.st_dev, status.st_ino) == self._identity
        except OSError:
            is_open = False
        try:
            if not is_open:  # at first, or where the program has closed all its files
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
                self._file = os.open(self._listing, flags, 0o600)
                status = os.fstat(self._file)
                self._identity = status.st_dev, status.st_ino
            os.write(self._file, os.fsencode(line))
        except (OSError, ValueError):
            pass  # the disk is full, or the run has removed its directory

    def _note(self, kind: str, path: str, known: set[str]) -> None:
        if len(known) >= self.MOST:
            if len(known) == self.MOST:
                known.add("")
                self._append("full\t\n")
            return
        known.add(path)
        if "\n" not in path:
            place = path if path.startswith("/") else os.path.join(os.getcwd(), path)
            self._append(kind + "\t" + place + "\n")

    def opened(self, path: str, flags: int) -> None:
        """Note a file that is opened."""
        # Data may be opened for writing too, as `numpy.memmap` does.
        access = flags & os.O_ACCMODE
        writes = access == os.O_WRONLY or (access == os.O_RDWR and flags & _CREATES != 0)
        known = self._wrote if writes else self._read
        if path in known:
            return
        for name in ("/site-packages/", "/dist-packages/"):
            above, found, inside = path.partition(name)
            if found:
                top, _, rest = inside.partition("/")
                if top == "__pycache__":  # the bytecode of a module of one file
                    top = rest.partition(".")[0]
                package = above + found + top
                if package not in self._packages and not writes:
                    self._packages.add(package)
                    self._append("package\t" + package + "\n")
                return
        if path.startswith(self._elsewhere):
            return
        self._note("wrote" if writes else "read", path, known)

    def listed(self, path: str) -> None:
        """Note a directory that is listed, unless it is one in which modules are looked for."""
        key = path + os.sep
        searched = path in sys.path_importer_cache or path in sys.path
        if not searched and key not in self._read and not key.startswith(self._library):
            self._note("listed", key, self._read)

    def moved(self, path: str) -> None:
        """Note a file that another one was renamed to, as programs write a file in one step."""
        if path not in self._wrote:
            self._note("wrote", path, self._wrote)


class _Opened:
    """Appends the paths of files that are opened for reading to a list, once each.

    Args:
        listing: The path of the list.
        checkout: The real path of the top of the user's checkout.
        worktree: The top of the run's worktree.
        edited: The edited files, of which the last part of the path counts.
        inputs: The list of all other files; None: they are not listed.
    """

    def __init__(
        self,
        listing: str,
        checkout: str,
        worktree: str,
        edited: list[str],
        inputs: _Inputs | None = None,
    ) -> None:
        self._listing = listing
        self._inputs = inputs
        self._names = tuple(os.path.basename(name) for name in edited)
        self._ends = (*self._names, ".pyc")
        self._originals = [os.path.join(checkout, name) for name in edited]
        paths = [os.path.join(worktree, name) for name in edited]
        self._contents = {content: path for path in paths if (content := _read(path))}
        self._sizes = [len(content) for content in self._contents]
        self._seen: set[str] = set()

    def note(self, kind: str, text: str) -> None:
        """Append a line of two fields, separated by a tab."""
        try:
            target = os.open(self._listing, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(target, os.fsencode(kind + "\t" + text.replace("\n", "?") + "\n"))
            finally:
                os.close(target)
        except (OSError, ValueError):
            pass  # the disk is full, or the run has removed its directory

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        """Note the file of an event `open`, or the directory of one that lists it; the audit hook.

        The number of an open file in place of a path is not noted.
        """
        inputs = self._inputs
        try:
            if event == "open":
                path, _, flags = args
                if path.__class__ is not str:
                    path = os.fsdecode(path)
                if inputs is not None and get_ident() not in _reading:
                    inputs.opened(path, flags)
                if path.endswith(self._ends) and flags & os.O_ACCMODE != os.O_WRONLY:
                    self._note_opened(path)
            elif inputs is None:
                pass
            elif event == "os.listdir" or event == "os.scandir":
                inputs.listed(os.fsdecode("." if args[0] is None else args[0]))
            elif event == "os.rename":
                inputs.moved(os.fsdecode(args[1]))
        except Exception:
            pass  # an event of another program, with other arguments

    def _note_opened(self, path: str) -> None:
        name = os.path.basename(path)
        if name.endswith(".pyc") and name.partition(".")[0] + ".py" in self._names:
            path = external.source_from_cache(path)
        elif name not in self._names:
            return
        path = os.path.realpath(path)
        if path in self._seen or get_ident() in _reading:
            return
        self._seen.add(path)
        # A launcher may copy the edited file to another place and run it there.
        is_file = path not in self._originals and os.path.isfile(path)
        if is_file and os.path.getsize(path) in self._sizes:
            path = self._contents.get(_read(path), path)
        self.note("opened", path)


def _move_found_modules(imports: _Imports) -> None:
    """Let all finders, and code that loads a file by its path, find modules in the worktree."""
    usual = external.spec_from_file_location

    def spec_from_file_location(*args: Any, **named: Any) -> ModuleSpec | None:
        spec = usual(*args, **named)
        return spec if spec is None else imports.move(spec)

    external.spec_from_file_location = spec_from_file_location


def _keep_installed_bytecode() -> None:
    """Let PYTHONPYCACHEPREFIX apply to all modules but the installed ones."""
    usual = external.cache_from_source
    library = os.path.dirname(os.__file__) + os.sep
    packages = tuple(os.sep + name + os.sep for name in ("site-packages", "dist-packages"))

    def cache_from_source(path: str, *args: Any, **named: Any) -> str:
        path, compiled = os.fspath(path), usual(path, *args, **named)
        if not path.startswith(library) and not any(name in path for name in packages):
            return compiled
        # `sys.pycache_prefix` is the same for all threads, and is not changed here.
        return os.path.join(os.path.dirname(path), "__pycache__", os.path.basename(compiled))

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
    sys.path[:] = [path for path in sys.path if path != here]
    listing, edited = os.environ.get("AUTORESEARCH_OPENED", ""), _lines("AUTORESEARCH_EDITED")
    worktree = os.environ.get("AUTORESEARCH_WORKTREE", "")
    checkout = os.environ.get("AUTORESEARCH_CHECKOUT", "")
    if listing and worktree and checkout:
        try:
            inputs = os.environ.get("AUTORESEARCH_INPUTS", "")
            own = _Inputs(inputs, worktree) if inputs else None
            opened = _Opened(listing, checkout, worktree, edited, own)
            opened.note("python", sys.executable)
            imports = _Imports(checkout, worktree, edited)
            sys.path[:] = [p for old in sys.path for p in (imports.directory(old), old) if p]
            sys.meta_path.insert(0, imports)
            _move_found_modules(imports)
            sys.addaudithook(opened.hear)
            _keep_installed_bytecode()
        except Exception as error:
            print(f"autoresearch-tui: the start of Python: {error!r}", file=sys.stderr)
    _run_hidden()


_start()
