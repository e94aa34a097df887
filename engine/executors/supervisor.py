"""Supervises one run as a small process that outlives the engine, and reports how the run ended.

It uses the standard library only. It is started in its own session, with the run's environment, and
inherits a locked descriptor of `alive.lock`: while that lock is held, the supervisor is running. It
also inherits a pipe that holds a secret of the engine, which proves that the report is its own, and
the secrets that are to be redacted in the log. It

- cannot be traced, nor its memory and pipe be read, by the run (unless that has root's rights),
- becomes the parent of every process the run leaves behind, however it forks,
- sends the run's output to `run.log` (a file and not a pipe, so that no reader is needed),
- kills the whole tree at the deadline, on SIGTERM, and after the main process has ended,
- overwrites secrets in the log with asterisks, so that it keeps its length,
- frees the middle of a log that grows beyond its cap, keeping head and tail,
- writes `exit.json` with the secret at the end, atomically, and tries until there is disk space or
  it gets SIGTERM.

It imports as little as possible: `json`, `contextlib`, `ctypes` and the enums of `signal` would
double its start-up time.
"""

from __future__ import annotations

import _ctypes
import errno
import os
import resource
import sys
import time

TYPE_CHECKING = False  # as the constant of `typing`, which would have to be imported
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
else:
    import _signal as signal

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
FALLOC_PUNCH_HOLE_KEEP_SIZE = 3
TERM_GRACE_SECONDS = 3.0
LOG_POLL_SECONDS = 0.25
DEADLINE = "deadline"
REQUEST = "request"
LOG_FLOOD = "log flood"
WRITE = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
CURABLE = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR, errno.EAGAIN),
)
"""Errors of writing and forking that may pass, so that these are tried again."""
LONGEST_WAIT_SECONDS = 10.0
LARGEST_PIPE_BYTES = 1 << 20
LOG_END_BYTES = 64
"""Bytes at the end of the log by which the supervisor notices that they were overwritten."""
REDACTED_BYTES_PER_POLL = 16 << 20
"""Bytes of the log searched for secrets at once; more would delay the deadline."""


def _prctl(option: int, value: int) -> None:
    """Set an attribute of this process; do nothing on other systems than Linux."""
    if sys.platform.startswith("linux"):
        program = _ctypes.dlopen(None, os.RTLD_NOW)  # type: ignore[arg-type]  # None: this one
        _ctypes.call_cdeclfunction(_ctypes.dlsym(program, "prctl"), (option, value, 0, 0, 0))


def _punch_hole(file: int, start: int, end: int) -> bool:
    """Free the disk space of a part of a file; return False where the system cannot do that."""
    import ctypes  # most logs stay within their cap

    if not sys.platform.startswith("linux"):
        return False
    size = ctypes.c_int64(end - start)
    fallocate = ctypes.CDLL(None).fallocate
    return not fallocate(file, FALLOC_PUNCH_HOLE_KEEP_SIZE, ctypes.c_int64(start), size)


class RunSupervisor:
    """Runs one training command to its end, as the main object of the supervisor's process.

    Args:
        directory: The run's own directory.
        lock_fd: The inherited descriptor of `alive.lock`.
        secret_fd: The inherited end of a pipe that holds the engine's secret for this run and the
            texts to redact, longest first, each ended by a NUL. It is read after the command was
            started, so that no other process ever has a copy.
        cwd: The directory the command starts in.
        deadline_seconds: The longest time the command may take.
        log_cap_bytes: The size beyond which the middle of the log is dropped.
        argv: The command.
    """

    def __init__(
        self,
        directory: str,
        lock_fd: int,
        secret_fd: int,
        cwd: str,
        deadline_seconds: float,
        log_cap_bytes: int,
        argv: list[str],
    ) -> None:
        self.directory = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.secret_fd = secret_fd
        self.cwd = cwd
        self.deadline_seconds = deadline_seconds
        self.log_cap_bytes = log_cap_bytes
        self.argv = argv
        self.log = os.open("run.log", WRITE | os.O_APPEND, 0o600, dir_fd=self.directory)
        self.log_writer = os.open("run.log", WRITE, 0o600, dir_fd=self.directory)
        # The run gets the first one, by which it cannot read or overwrite what it has written.
        self.log_reader = os.open(
            "run.log", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.directory
        )
        os.set_inheritable(lock_fd, False)
        os.set_inheritable(secret_fd, False)
        self.main = 0
        self.status: int | None = None
        self.killed_by: str | None = None
        self.term_requested = False
        self.dropped_from = 0
        self.dropped_to = 0
        self.leftovers = 0
        self.secret = ""
        self.redacted: list[bytes] = []
        self.searched = 0
        self.log_end = 0, b""
        self.log_rewritten = False

    # ---- life

    def run(self) -> None:
        """Run the command to its end or deadline, kill what it leaves behind, write `exit.json`."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # Blocked, so that sigtimedwait can wait for them without a race.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGTERM})
        _prctl(PR_SET_DUMPABLE, 0)
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
        self.main = self._spawn()
        started_at, start = time.time(), time.monotonic()
        secret, *texts = os.read(self.secret_fd, LARGEST_PIPE_BYTES).split(b"\0")
        # The last one has no NUL after it: it is empty, or was cut because the pipe was full.
        self.secret, self.redacted = secret.decode("ascii"), texts[:-1]
        self._watch(start + self.deadline_seconds)
        seconds = time.monotonic() - start
        self._kill_tree()
        self._inspect_log(sys.maxsize)  # it may have grown, or begun and ended, meanwhile
        self._settle_log()
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        # Linux counts in KiB, macOS in bytes.
        unit = 1 if sys.platform == "darwin" else 1024
        status = self.status if self.status is not None else 0
        self._write_report(
            {
                "secret": self.secret,
                "exit_code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
                "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
                "killed_by": self.killed_by,
                "started_at": started_at,
                "ended_at": time.time(),
                "seconds": seconds,
                "peak_rss_bytes": usage.ru_maxrss * unit,
                "cpu_seconds": usage.ru_utime + usage.ru_stime,
                "leftover_processes": self.leftovers,
                "log_bytes_dropped": self.dropped_to - self.dropped_from,
                "log_rewritten": self.log_rewritten,
            }
        )

    def _spawn(self) -> int:
        supervisor = os.getpid()
        pid = self._fork()
        if pid:
            return pid
        try:
            os.close(self.secret_fd)
            os.setsid()
            # Without a supervisor no deadline is enforced: the command dies with it.
            _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != supervisor:
                os._exit(127)  # it was killed before the command could depend on it
            _prctl(PR_SET_DUMPABLE, 1)  # else /proc/self belongs to root
            _prefer_for_oom_kill()
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
            os.dup2(self.log, 1)
            os.dup2(self.log, 2)
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, set())
            os.chdir(self.cwd)
            os.execvp(self.argv[0], self.argv)
        except OSError as error:
            os.write(2, f"cannot start {self.argv[0]}: {error.strerror}\n".encode())
            os._exit(126 if error.errno == errno.EACCES else 127)
        finally:
            os._exit(127)

    def _fork(self) -> int:
        """Fork as soon as the machine allows it, unless the engine ends the run before."""
        wait = 0.1
        while True:
            try:
                return os.fork()
            except OSError as error:
                if error.errno not in CURABLE:
                    raise
            self._wait(wait)
            if self.term_requested:
                sys.exit(1)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)

    def _watch(self, deadline: float) -> None:
        while True:
            self._reap()
            if self.status is not None:
                return
            if self.term_requested:
                self.killed_by = REQUEST
            elif time.monotonic() >= deadline:
                self.killed_by = DEADLINE
            elif not self._inspect_log(REDACTED_BYTES_PER_POLL):
                self.killed_by = LOG_FLOOD
            if self.killed_by is not None:
                self._terminate()
                return
            self._wait(min(LOG_POLL_SECONDS, max(0.0, deadline - time.monotonic())))

    def _wait(self, seconds: float) -> None:
        if hasattr(signal, "sigtimedwait"):
            got = signal.sigtimedwait({signal.SIGCHLD, signal.SIGTERM}, seconds)
            if got is not None and got.si_signo == signal.SIGTERM:
                self.term_requested = True
            return
        time.sleep(min(seconds, 0.05))
        if signal.SIGTERM in signal.sigpending():
            self.term_requested = True

    def _reap(self) -> bool:
        """Collect the exit statuses of ended children, and return whether any child is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.main:
                self.status = status

    # ---- the end of the tree

    def _terminate(self) -> None:
        _send(os.killpg, self.main, signal.SIGTERM)
        until = time.monotonic() + TERM_GRACE_SECONDS
        while self.status is None and time.monotonic() < until:
            self._wait(min(0.1, until - time.monotonic()))
            self._reap()

    def _kill_tree(self) -> None:
        """Send SIGKILL until no descendant is left, including those that forked twice."""
        _send(os.killpg, self.main, signal.SIGKILL)
        seen: set[int] = set()
        began = time.monotonic()
        while self._reap():
            for pid in descendants(os.getpid()):
                if pid != self.main and pid not in seen:
                    seen.add(pid)
                _send(os.kill, pid, signal.SIGKILL)
            if time.monotonic() - began > 0.5:
                # Fast sweeps catch a chain that forks and exits; a process in a driver call only
                # ends by waiting.
                time.sleep(0.005)
        self.leftovers = len(seen)

    # ---- files

    def _write_report(self, content: dict[str, float | str | None]) -> None:
        """Write `exit.json`; where the disk is full or fails, try until it can be written.

        After SIGTERM it is tried for a few seconds only.
        """
        wait, until = 0.1, float("inf")
        while True:
            try:
                os.fchmod(self.directory, 0o700)  # the run may have changed it
                self._replace("exit.json", lambda target: _write_json(target, content))
                return
            except OSError as error:
                if error.errno not in CURABLE or time.monotonic() >= until:
                    raise
                # The run may have failed for the same reason, without a line in its log.
                content["disk_error"] = os.strerror(error.errno)
            self._wait(wait)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)
            if self.term_requested and until == float("inf"):
                wait, until = 0.1, time.monotonic() + TERM_GRACE_SECONDS

    def _replace(self, name: str, write: Callable[[int], None]) -> None:
        """Replace a file of the run's directory, or whatever the run left under its name.

        Args:
            name: The name of the file.
            write: Writes the content to the descriptor it is given.
        """
        temporary = f".{name}.{os.getpid()}.{time.monotonic_ns()}"
        target = os.open(temporary, WRITE | os.O_EXCL, 0o600, dir_fd=self.directory)
        try:
            write(target)
            os.fsync(target)
            self._set_aside_directory(name)
            os.replace(temporary, name, src_dir_fd=self.directory, dst_dir_fd=self.directory)
        except OSError:
            os.unlink(temporary, dir_fd=self.directory)
            raise
        finally:
            os.close(target)

    def _set_aside_directory(self, name: str) -> None:
        """Rename a directory that the run made under the name of a file."""
        try:
            mode = os.lstat(name, dir_fd=self.directory).st_mode
        except FileNotFoundError:
            return
        if mode & 0o170000 == 0o040000:
            aside = f"{name}.{time.monotonic_ns()}"
            os.rename(name, aside, src_dir_fd=self.directory, dst_dir_fd=self.directory)

    def _inspect_log(self, most_bytes: int) -> bool:
        """Redact and cap the log, and note whether the run rewrote what it had printed.

        Args:
            most_bytes: The number of bytes searched for secrets at most.

        Returns:
            False if the log is beyond its cap and the file system cannot free the space.
        """
        size, end = self.log_end
        if os.pread(self.log_reader, len(end), size - len(end)) != end:
            self.log_rewritten = True
            self.searched = 0
        capped = self._cap_log()
        self._redact_log(most_bytes)
        size = os.fstat(self.log).st_size
        start = max(0, size - LOG_END_BYTES)
        self.log_end = size, os.pread(self.log_reader, size - start, start)
        return capped

    def _cap_log(self) -> bool:
        """Free the disk space of run.log's middle if the log is beyond its cap.

        Return whether it is within the cap now; false if the file system cannot free the space.
        """
        info = os.fstat(self.log)
        if info.st_blocks * 512 <= self.log_cap_bytes:
            return True
        head, tail = self.log_cap_bytes // 4, self.log_cap_bytes // 4
        end = (info.st_size - tail) // 4096 * 4096
        start = head // 4096 * 4096
        if end <= start or not _punch_hole(self.log, start, end):
            return False
        self.dropped_from, self.dropped_to = start, end
        return True

    def _redact_log(self, most_bytes: int) -> None:
        """Overwrite secrets in the log from where it was searched last.

        Args:
            most_bytes: The number of bytes after which the search stops, to go on at the next call.
        """
        if not self.redacted:
            return
        overlap = max(map(len, self.redacted)) - 1
        stop = self.searched + most_bytes
        while self.searched < stop:
            if self.dropped_from <= self.searched < self.dropped_to:
                self.searched = self.dropped_to
            data = os.pread(self.log_reader, (1 << 20) + overlap, self.searched)
            try:
                self._overwrite_secrets(bytearray(data))
            except OSError as error:
                _warn(f"a secret in run.log was not redacted: {error}")
            # What may be the beginning of a secret is searched again together with its end.
            if len(data) <= overlap:
                return
            self.searched += len(data) - overlap

    def _overwrite_secrets(self, data: bytearray) -> None:
        """Overwrite the secrets in a part of the log, which begins at `searched`."""
        for text in self.redacted:
            at = -1
            while (at := data.find(text, at + 1)) >= 0:
                data[at : at + len(text)] = b"*" * len(text)
                os.pwrite(self.log_writer, b"*" * len(text), self.searched + at)

    def _settle_log(self) -> None:
        """Write run.log again where its middle was freed, or the run put something in its place.

        Nothing is changed where the disk is full.
        """
        try:
            info = os.lstat("run.log", dir_fd=self.directory)
            replaced = info.st_ino != os.fstat(self.log).st_ino
        except OSError:
            replaced = True
        if not self.dropped_to and not replaced:
            return
        try:
            self._replace("run.log", self._copy_log)
        except OSError as error:
            _warn(f"run.log was not written again: {error}")

    def _copy_log(self, target: int) -> None:
        """Copy the run's output to a file, without the middle that was freed."""
        if self.dropped_to:
            dropped = self.dropped_to - self.dropped_from
            self._copy_part(target, 0, self.dropped_from)
            note = f"\n[autoresearch-tui: {dropped} bytes of output were dropped here]\n"
            _write_all(target, note.encode())
        self._copy_part(target, self.dropped_to, os.fstat(self.log_reader).st_size)

    def _copy_part(self, target: int, start: int, end: int) -> None:
        while start < end and (data := os.pread(self.log_reader, min(1 << 20, end - start), start)):
            _write_all(target, data)
            start += len(data)


def _write_all(target: int, data: bytes) -> None:
    while data:
        data = data[os.write(target, data) :]


def _warn(message: str) -> None:
    """Write a message to supervisor.log, if there is disk space."""
    try:  # noqa: SIM105
        os.write(2, f"{message}\n".encode())
    except OSError:
        pass  # the disk is full


def _write_json(target: int, content: dict[str, float | str | None]) -> None:
    members = (f'"{key}": {_as_json(value)}' for key, value in content.items())
    _write_all(target, f"{{{', '.join(members)}}}".encode())


def _as_json(value: float | str | None) -> str:
    """Return the JSON text of a finite number, a word without special characters, or None."""
    if value is None or isinstance(value, bool):
        return {None: "null", False: "false", True: "true"}[value]
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _send(kill: Callable[[int, int], None], target: int, number: int) -> None:
    try:  # noqa: SIM105
        kill(target, number)
    except (ProcessLookupError, PermissionError):
        pass  # it has ended, or it belongs to another user now


def _prefer_for_oom_kill() -> None:
    """Make the kernel kill this process before the engine when the host runs out of memory."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("500")
    except OSError:
        pass  # there is no /proc


def descendants(root: int) -> list[int]:
    """Return the pids of all descendants of a process, from /proc or else from ps."""
    parents: dict[int, list[int]] = {}
    if os.path.isdir("/proc/self"):
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    # The command in parentheses may contain any character, so count from its end.
                    parent = int(file.read().rpartition(b")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            parents.setdefault(parent, []).append(int(name))
    else:
        with os.popen("ps -axo pid=,ppid=") as listing:
            for line in listing:
                pid, parent = (int(word) for word in line.split())
                parents.setdefault(parent, []).append(pid)
    found: list[int] = []
    waiting = [root]
    while waiting:
        for pid in parents.get(waiting.pop(), []):
            found.append(pid)
            waiting.append(pid)
    return found


if __name__ == "__main__":
    RunSupervisor(
        sys.argv[1],
        int(sys.argv[2]),
        int(sys.argv[3]),
        sys.argv[4],
        float(sys.argv[5]),
        int(sys.argv[6]),
        sys.argv[7:],
    ).run()
    os._exit(0)  # at once: to take the interpreter apart costs as much as all of the above
