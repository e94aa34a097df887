"""Keeps the evaluation epoch: what determines the metric beside the edit, and when it changed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading

from msgspec.structs import replace

from engine.core import events as ev
from engine.core.enums import AlarmKind, Verdict
from engine.core.input_rules import changed_packages, shorten
from engine.core.records import Experiment, Run
from engine.executors.input_trace import read_inputs
from engine.executors.package_versions import package_versions
from engine.loop.context import SessionContext
from engine.loop.input_paths import InputPaths
from engine.loop.run_place import RunPlace
from engine.store.input_files import (
    Manifest,
    add_files,
    compare,
    hash_whole,
    list_files,
    load_manifest,
    write_manifest,
)
from engine.store.run_data import choose_data

_MANIFEST_NAME = "inputs.json"
_MOST_ADDED = 2
"""How often runs may add files to a directory before its new files no longer count."""
_MOST_NAMED = 200
"""The most changes that the journal names."""
_NO_PYTHON = (
    "The runs are not Python, or keep it from listing what it opens: the untracked data of the "
    "repository counts, and no file outside it."
)
_NOT_WHOLE = "A run opened more files than are listed; the others do not count."


class EvaluationInputs:
    """Learns which files and packages runs read, and starts a new evaluation epoch on a change.

    Args:
        context: The session's journal, workspace and files.
        place: The worktree where the runs happen.
    """

    def __init__(self, context: SessionContext, place: RunPlace) -> None:
        self._context = context
        self._place = place
        self._path = context.layout.session / _MANIFEST_NAME
        self._manifest: Manifest | None = None
        self._is_loaded = False
        self._turn = 0
        self._closing = threading.Event()
        self._hashing: asyncio.Task[Manifest] | None = None

    async def learn(self, run: Run, *, afresh: bool = False) -> None:
        """Add what a run read to what determines the metric; read it in full in the background.

        Args:
            run: A finished run of the baseline, or of an incumbent.
            afresh: Whether everything that was known before is left out.
        """
        if self._manifest is not None and run.directory in self._manifest.learnt and not afresh:
            return
        await self._finish_hashing()
        before = Manifest() if afresh or self._manifest is None else self._manifest
        self._manifest = await asyncio.to_thread(self._with_run, before, run)
        self._hashing = asyncio.create_task(self._hash(self._manifest))

    async def before_run(self) -> None:
        """Compare everything before a run; start a new evaluation epoch where it has changed.

        Where the files are still being read in full, `after_run` compares them.
        """
        await self._load()
        best = self._measured_best()
        if best is None:
            return
        if self._hashing is None or self._hashing.done():
            await self._compare(during="")
        if best.run is not None and best.run.outcome is not None:
            await self.learn(best.run)

    async def after_run(self, number: int) -> tuple[str, ...]:
        """Compare everything after a run; start a new evaluation epoch where it has changed.

        Args:
            number: The number of the experiment.

        Returns:
            What changed while it ran, each as a phrase.
        """
        await self._load()
        if self._measured_best() is None:
            return ()
        return await self._compare(during=f"while #{number} ran")

    def written_by(self, run: Run) -> tuple[str, ...]:
        """Return the data files that a run wrote itself, perhaps a copy of them in its worktree."""
        if self._manifest is None:
            return ()
        trace = read_inputs(self._context.workspace.path / run.directory)
        if not trace.wrote:
            return ()
        translate, known = self._paths().translate, self._manifest.files
        return tuple(sorted(path for path in map(translate, trace.wrote) if path in known))

    def _measured_best(self) -> Experiment | None:
        best = self._context.session.best
        return best if best is not None and best.measurement is not None else None

    # ---- what is known

    async def _load(self) -> None:
        """Read what an earlier engine of the session knew.

        Where the file was lost or changed since, everything is learnt again from the lists of the
        session's runs.
        """
        if self._is_loaded:
            return
        self._is_loaded = True
        session = self._context.session
        if not session.epochs or not session.epochs[-1].digest:
            return
        known = session.epochs[-1].digest
        found = await asyncio.to_thread(load_manifest, self._path)
        if found is not None and found.digest == known:
            self._manifest = found
            return
        kept = (e for e in session.experiments if e.effective_verdict is Verdict.KEEP)
        for run in (e.run for e in kept):
            if run is not None and run.outcome is not None:
                await self.learn(run)
        await self._finish_hashing()
        if self._manifest is None or self._manifest.digest != known:
            await self._begin((f"the list of inputs, {self._path.name}, was lost",), "")

    def _with_run(self, before: Manifest, run: Run) -> Manifest:
        """Return a manifest with what a run read; it reads the status and blocks of each file."""
        directory = self._context.workspace.path / run.directory
        trace, paths = read_inputs(directory), self._paths()
        started_ns = int(run.started_at.timestamp() * 1e9)
        files = paths.files(trace, started_ns)
        watched = [d for d in paths.directories(trace) if d not in before.directories]
        python = bool(self._place.trace(directory).pythons)
        if not python:
            chosen = choose_data(self._context.workspace, self._context.session.config).brought
            tops = (self._context.workspace.path / name for name in chosen)
            files = [file for top in tops for file in paths.files_below(os.path.normpath(top))]
        files += (file for top in watched for file in list_files(top))
        places = tuple(dict.fromkeys((*before.places, *trace.packages)))
        added = add_files(before, files)
        return replace(
            added,
            directories=before.directories | dict.fromkeys(watched, 0),
            places=places,
            packages=before.packages | package_versions(places),
            learnt=(*before.learnt, run.directory),
            is_whole=before.is_whole and trace.is_whole,
            is_python=before.is_python or python,
        )

    def _paths(self) -> InputPaths:
        context, config = self._context, self._context.session.config
        workspace = context.workspace
        listed = workspace.git.run("ls-files", "--full-name", "-z", "--", ":/").split("\0")
        names = (*config.files, config.results_file, context.session.results_file, "run.log")
        return InputPaths(
            checkout=self._place.checkout,
            worktree=os.path.realpath(self._place.worktree),
            session=os.path.realpath(context.layout.session),
            home=context.environ.get("HOME", ""),
            tracked=frozenset(filter(None, listed)),
            own=frozenset(os.path.realpath(workspace.path / name) for name in names),
        )

    async def _hash(self, manifest: Manifest) -> Manifest:
        """Return a manifest with the hashes of all files, each read in full."""

        def work() -> Manifest:
            files = dict(manifest.files)
            for path, file in manifest.files.items():
                if not file.digest and not self._closing.is_set():
                    files[path] = hash_whole(file, self._closing)
            return replace(manifest, files=files)

        try:
            return await asyncio.to_thread(work)
        except asyncio.CancelledError:
            self._closing.set()
            raise

    async def _finish_hashing(self) -> None:
        """Wait until all files were read in full, and record what is known."""
        if self._hashing is not None:
            manifest = await self._hashing
            await self._record(manifest, epoch=self._context.session.epoch)
            self._manifest, self._hashing = manifest, None

    # ---- changes

    async def _compare(self, during: str) -> tuple[str, ...]:
        await self._finish_hashing()
        before = self._manifest or Manifest()
        self._turn += 1
        found = await asyncio.to_thread(compare, before, self._turn)
        packages = await asyncio.to_thread(package_versions, before.places)
        changes = (
            *found.changes,
            *changed_packages(before.packages, packages),
            *self._machine_changes(),
        )
        self._manifest = replace(found.manifest, packages=packages)
        if during:
            self._count_outputs(found.added_to)
        if changes:
            await self._begin(changes, during)
        return changes

    def _count_outputs(self, added_to: tuple[str, ...]) -> None:
        """Stop watching a directory that run after run adds files to."""
        assert self._manifest is not None
        directories = dict(self._manifest.directories)
        for path in added_to:
            directories[path] += 1
            if directories[path] > _MOST_ADDED:
                del directories[path]
                message = f"Runs add files to {path}. New files there no longer count as changes."
                self._context.alarm(AlarmKind.EPOCH, message)
        self._manifest = replace(self._manifest, directories=directories)

    def _machine_changes(self) -> tuple[str, ...]:
        """Return what is another GPU, processor or driver than in the present epoch."""
        session = self._context.session
        if not session.epochs or session.platform is None:
            return ()
        known, now = session.epochs[-1], session.platform
        changes = []
        if known.devices and known.devices != now.device_names:
            old, new = ", ".join(known.devices), ", ".join(now.device_names)
            changes.append(f"the devices are {new}, not {old}")
        if known.driver and known.driver != now.driver:
            changes.append(f"NVIDIA driver {known.driver} → {now.driver or 'none'}")
        return tuple(changes)

    async def _begin(self, changes: tuple[str, ...], during: str) -> None:
        """Record that a new evaluation epoch begins, and tell the user what changed."""
        session = self._context.session
        epoch, best = session.epoch + 1, session.incumbent
        await self._record(self._manifest or Manifest(), epoch=epoch, changes=changes)
        when = f" {during}" if during else ""
        self._context.alarm(
            AlarmKind.EPOCH,
            f"What the metric depends on has changed{when}: {shorten(changes)}. Evaluation epoch "
            f"{epoch} begins: #{best} is measured again before anything is judged, and values "
            "from before are not compared with new ones.",
        )

    async def _record(
        self, manifest: Manifest, *, epoch: int, changes: tuple[str, ...] = ()
    ) -> None:
        session, platform = self._context.session, self._context.session.platform
        unseen = "" if manifest.is_python or not manifest.learnt else _NO_PYTHON
        event = ev.InputsRecorded(
            epoch=epoch,
            digest=manifest.digest,
            files=len(manifest.files),
            total_bytes=manifest.total_bytes,
            packages=manifest.packages,
            driver=platform.driver if platform is not None else "",
            devices=platform.device_names if platform is not None else (),
            unseen=unseen if manifest.is_whole else _NOT_WHOLE,
            changes=changes[:_MOST_NAMED],
        )
        with contextlib.suppress(OSError):
            # Without the file, a later engine reads everything again.
            await asyncio.to_thread(write_manifest, self._path, manifest)
        last = session.epochs[-1] if session.epochs else None
        if last is None or replace(last, seq=0, at=ev.EPOCH, changes=()) != replace(
            event, changes=()
        ):
            self._context.record(event)
