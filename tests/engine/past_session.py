"""Ended sessions built without an engine: real commits, refs, branch and journal."""

from __future__ import annotations

from pathlib import Path

from engine.core import events as ev
from engine.core.config import ResearchConfig
from engine.core.enums import Actor, Origin, Outcome, Verdict
from engine.core.layout import Layout
from engine.core.patches.patch import count_lines, make_patch
from engine.core.patches.place import patch_id
from engine.core.session import Session
from engine.store.journal import Journal
from engine.store.workspace import Workspace

TRAIN = """\
import os

MATRIX_LR = 0.04
EMBEDDING_LR = 0.6
WARMDOWN_RATIO = 0.5


def main():
    print("val_bpb: 1.0")


SEED = 42

DEPTH = 4

main()
"""
BASELINE = 1.0


class Past:
    """Writes journal, commits and refs as an engine does.

    Args:
        workspace: A repository with a train.py.
        tag: Of the session.
    """

    def __init__(self, workspace: Path, tag: str = "t", budget: float = 300) -> None:
        self.path = workspace
        self.workspace = Workspace(workspace)
        self.tag = tag
        self.journal = Journal(Layout(workspace, tag).journal)
        self.workspace.exclude((".autoresearch/", "results.tsv"))
        self.workspace.start_branch(tag, self.workspace.head)
        config = ResearchConfig(tag=tag, locked=("prepare.py",), budget_seconds=budget)
        self.note(
            ev.SessionStarted(
                version="0",
                workspace=str(workspace),
                branch=f"autoresearch/{tag}",
                base_commit=self.workspace.head,
                config=config,
                results_file="results.tsv",
            )
        )
        self.experiment("baseline", "", value=BASELINE)

    @property
    def session(self) -> Session:
        return self.journal.session

    def note(self, event: ev.Event) -> None:
        self.journal.append(event)

    def text(self) -> str:
        return self.workspace.read(self.session.frontier, "train.py")

    def experiment(
        self,
        hypothesis: str,
        edited: str,
        *,
        value: float | None,
        verdict: Verdict = Verdict.KEEP,
        origin: Origin = Origin.AGENT,
        of: int = 0,
        forced: Verdict | None = None,
        category: str = "optimizer",
    ) -> int:
        """Append an experiment from proposal to verdict; a keep moves the branch."""
        session, n = self.session, len(self.session.experiments) + 1
        base, ref = session.frontier, f"refs/autoresearch/{self.tag}/{n}"
        before = self.text()
        patch = make_patch("train.py", before, edited) if edited else ""
        added, removed = count_lines(patch)
        proposal = ev.Proposal(
            patch_id=patch_id(before, edited or before),
            hypothesis=hypothesis,
            category=category,
            added=added,
            removed=removed,
        )
        self.note(
            ev.ProposalDrafted(
                experiment=n,
                base=base,
                proposal=proposal,
                patch=patch,
                origin=origin,
                of=of,
                forced=forced,
            )
        )
        if origin is Origin.CONFIRM:
            commit = session.experiment(of).commit
            self.workspace.hold(ref, commit)
        elif edited:
            message = f"{hypothesis}\n\nExperiment: {n}\n"
            commit = self.workspace.commit_candidate(base, "train.py", edited, message, ref)
        else:
            commit = base
            self.workspace.hold(ref, commit)
        self.note(ev.CandidateCommitted(experiment=n, commit=commit, ref=ref))
        outcome = Outcome.FINISHED if value is not None else Outcome.CODE_CRASH
        self.note(
            ev.RunStarted(
                experiment=n, run=1, slot=0, command="x", directory="d", deadline_seconds=1
            )
        )
        self.note(ev.RunEnded(experiment=n, run=1, outcome=outcome))
        gain = None
        if value is not None:
            self.note(ev.Measured(experiment=n, run=1, measurement=ev.Measurement(metric=value)))
            best = session.best_metric
            gain = None if best is None else best - value
        self.note(ev.VerdictGiven(experiment=n, verdict=verdict, reason="said so", gain=gain))
        self.note(ev.RowWritten(experiment=n, file="results.tsv"))
        if verdict is Verdict.KEEP:
            self.workspace.advance_branch(self.tag, commit, base)
            self.note(ev.FrontierAdvanced(experiment=n, commit=commit))
        return n

    def keep(self, old: str, new: str, value: float) -> int:
        """Append a kept edit of some lines."""
        text = self.text()
        assert text.count(old) == 1
        return self.experiment(f"{old} becomes {new}", text.replace(old, new), value=value)

    def discard(self, old: str, new: str, value: float, category: str = "optimizer") -> int:
        """Append a discarded edit."""
        return self.experiment(
            f"{old} becomes {new}",
            self.text().replace(old, new),
            value=value,
            verdict=Verdict.DISCARD,
            category=category,
        )

    def confirm(self, number: int, *values: float) -> None:
        """Append repeats of a keep."""
        for value in values:
            self.experiment(
                f"confirmation of #{number}",
                "",
                value=value,
                verdict=Verdict.DISCARD,
                origin=Origin.CONFIRM,
                of=number,
            )

    def charter(self, text: str) -> None:
        """Commit another program.md on the branch."""
        version = len(self.session.programs) + 1
        ref = f"refs/autoresearch/{self.tag}/program-{version}"
        old = self.session.frontier
        commit = self.workspace.commit_candidate(old, "program.md", text, "program.md", ref)
        self.workspace.advance_branch(self.tag, commit, old)
        self.note(ev.ProgramEdited(key=f"k{version}", experiment=2))
        self.note(ev.ProgramCommitted(key=f"k{version}", commit=commit))

    def take_back(self, number: int) -> None:
        """Overrule the incumbent to a discard."""
        e, old = self.session.experiment(number), self.session.frontier
        self.note(
            ev.Overruled(experiment=number, verdict=Verdict.DISCARD, by=Actor.SCREEN, reason="no")
        )
        before = self.workspace.read(e.base, "train.py")
        ref = f"refs/autoresearch/{self.tag}/taken-back-{number}"
        message = f"Take back experiment {number}: {e.proposal.hypothesis}"
        commit = self.workspace.commit_candidate(old, "train.py", before, message, ref)
        self.workspace.advance_branch(self.tag, commit, old)
        self.note(ev.FrontierReverted(experiment=number, commit=commit, incumbent=1))
        self.note(ev.OverruleSettled(experiment=number, how="taken back"))

    def note_overruled(self, number: int) -> None:
        """Overrule an earlier keep to a discard, which is removed by an experiment."""
        self.note(
            ev.Overruled(experiment=number, verdict=Verdict.DISCARD, by=Actor.SCREEN, reason="no")
        )

    def end(self) -> Session:
        """End the session."""
        self.note(ev.SessionEnded(reason="stopped by the user"))
        return self.session
