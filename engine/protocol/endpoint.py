"""Locks a workspace for one engine, and finds the path of the engine's socket."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path

from engine.core.errors import EngineBusyError, WorkspaceError
from engine.core.layout import home_of
from engine.file_lock import try_lock
from engine.untrusted_files import open_regular

_SOCKET_PATH_BYTES = 107
"""The most bytes in the path of a unix socket on Linux."""
_LOCK_NAME = "engine.lock"
_LOCK_SECONDS = 1.0
"""Seconds for which a locked lock file is tried again before an engine counts as running."""
_LOCK_ATTEMPTS = 20


def runtime_directory(environ: dict[str, str] | None = None) -> Path:
    """Return, and create, a private directory for sockets in XDG_RUNTIME_DIR or the temp directory.

    Args:
        environ: The environment variables; None: this process's.

    Raises:
        WorkspaceError: The directory is open to another user, or cannot be created.
    """
    import tempfile  # commands that only read a lock do not need it

    env = os.environ if environ is None else environ
    base = env.get("XDG_RUNTIME_DIR")
    if base and os.access(base, os.W_OK | os.X_OK):
        path = Path(base) / "autoresearch-tui"
    else:
        path = Path(tempfile.gettempdir()) / f"autoresearch-tui-{os.getuid()}"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        info = path.lstat()
    except OSError as error:
        raise WorkspaceError(
            f"The directory {path} for the engine's socket cannot be made.",
            f"{error.strerror}.",
            "Set XDG_RUNTIME_DIR to a directory of yours.",
        ) from error
    if path.is_symlink() or info.st_uid != os.getuid() or info.st_mode & 0o077:
        raise WorkspaceError(
            f"The directory {path} is not private to you.",
            "Another user could read what the engine sends.",
            "Remove it, or set XDG_RUNTIME_DIR to a directory of yours.",
        )
    return path


def socket_path(workspace: Path) -> Path:
    """Return the path at which the engine of a workspace creates its socket.

    Its length does not depend on the workspace's path.

    Raises:
        WorkspaceError: The path is too long for the kernel, or its directory is not private.
    """
    import hashlib

    name = hashlib.sha256(os.fsencode(workspace.resolve())).hexdigest()[:16]
    path = runtime_directory() / f"{name}.sock"
    if len(os.fsencode(path)) > _SOCKET_PATH_BYTES:
        raise WorkspaceError(
            f"The socket's path {path} is too long for the kernel.",
            "",
            "Set XDG_RUNTIME_DIR or TMPDIR to a shorter directory.",
        )
    return path


class EngineLock:
    """The lock that lets one engine run in a workspace; the kernel releases it with the process.

    Both `.autoresearch/engine.lock` and the workspace's directory are locked. The file names the
    engine to clients; the lock of the directory also holds after that file was deleted.
    """

    def __init__(self, workspace: Path) -> None:
        """Take the workspace's lock and write this process's pid into the lock file.

        Raises:
            EngineBusyError: Another engine holds the lock.
            WorkspaceError: The workspace cannot be written.
        """
        self._workspace = workspace
        self._path = home_of(workspace) / _LOCK_NAME
        self._content = f"{os.getpid()}\n".encode()
        self._directory = os.open(workspace, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if not try_lock(self._directory):
                raise self._busy()
            self._fd = self._create()
        except BaseException:
            os.close(self._directory)
            raise

    def _create(self) -> int:
        """Create or open the lock file, lock it and write this engine's content into it.

        Returns:
            The file's descriptor.

        Raises:
            EngineBusyError: Another engine holds the lock.
            WorkspaceError: The file cannot be written.
        """
        descriptor = -1
        try:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(self._path, flags, 0o600)
            for attempt in range(_LOCK_ATTEMPTS):
                if try_lock(descriptor):
                    break
                # A client that asks whether an engine runs holds a shared lock for a moment.
                if attempt < _LOCK_ATTEMPTS - 1:
                    time.sleep(_LOCK_SECONDS / _LOCK_ATTEMPTS)
            else:
                raise self._busy()
            self._write(descriptor)
        except OSError as error:
            if descriptor >= 0:
                os.close(descriptor)
            raise WorkspaceError(
                f"{self._path.parent} cannot be written.",
                f"{error.strerror}.",
                "Make the workspace writable, or copy it to a place that is.",
            ) from error
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _busy(self) -> EngineBusyError:
        try:
            holder = self._path.read_text("utf-8", "replace").split("\n")[0]
        except OSError:
            holder = ""
        return EngineBusyError(
            f"An engine runs in {self._workspace} already"
            + (f" (pid {holder})." if holder.isdigit() else "."),
            "One workspace has one engine.",
            "See it with `autoresearch-tui attach`, or stop it with `autoresearch-tui stop`.",
        )

    def _write(self, descriptor: int) -> None:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, self._content, 0)

    def publish_socket_path(self, socket: Path) -> None:
        """Write the socket's path into the lock file, where clients find it.

        A client with another XDG_RUNTIME_DIR could not work the path out itself.
        """
        self._content = f"{os.getpid()}\n".encode() + os.fsencode(socket) + b"\n"
        self._write(self._fd)

    def keep(self) -> bool:
        """Create the lock file again where it was removed or replaced; call this periodically.

        Returns:
            True where the file was created again.

        Raises:
            AutoresearchError: The file cannot be created, or another process has locked it.
        """
        mine = os.fstat(self._fd)
        with contextlib.suppress(OSError):
            found = os.stat(self._path, follow_symlinks=False)
            if os.path.samestat(found, mine):
                return False
        if self._path.is_symlink():
            self._path.unlink(missing_ok=True)
        descriptor = self._create()
        os.close(self._fd)
        self._fd = descriptor
        return True

    def release(self) -> None:
        """Release the lock and empty the lock file."""
        os.ftruncate(self._fd, 0)
        os.close(self._fd)
        os.close(self._directory)


def lock_holder(workspace: Path) -> int | None:
    """Return the pid of the engine that holds a workspace's lock.

    None where no engine holds it; -1 where its pid cannot be read.
    """
    found = _read_lock(workspace)
    if found is None:
        return None
    text = found.split(b"\n")[0]
    return int(text) if text.isdigit() else -1


def published_socket_path(workspace: Path) -> Path | None:
    """Return the socket path that the workspace's running engine wrote; None where none runs."""
    lines = (_read_lock(workspace) or b"").split(b"\n")
    return Path(os.fsdecode(lines[1])) if len(lines) > 1 and lines[1] else None


def _read_lock(workspace: Path) -> bytes | None:
    """Return the content of the workspace's lock file; None where no engine holds the lock."""
    try:
        descriptor = open_regular(home_of(workspace) / _LOCK_NAME)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(descriptor, 4096, 0)
    else:
        return None
    finally:
        os.close(descriptor)
