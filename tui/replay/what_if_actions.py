"""Asks by which keep rule and σ the keeps of a replay are judged again, and changes them."""

from __future__ import annotations

from dataclasses import replace

from textual import on

from engine.core.analysis.counterfactual import coarse_step, known_spread
from engine.core.config import CONFIRM
from engine.core.enums import Verdict
from tui.present.text import clean_line
from tui.present.what_if import coarse_note
from tui.replay.shell import ReplayShell, replay_shell_of
from tui.replay.what_if import Question, estimated_spread, rules_for, sigma_of
from tui.replay.what_if_line import WHAT_IF_KEYS, WhatIfLine
from tui.screens.ask_text import AskText
from tui.screens.footer import ActionFooter
from tui.screens.main_screen import MainScreen


class WhatIfActions(MainScreen):
    """The part of a replay's screen that says which keeps would have stood."""

    @property
    def replay(self) -> ReplayShell:
        """Return the app, typed as the `ReplayShell` protocol that screens may use."""
        return replay_shell_of(self.app)

    def action_what_if(self) -> None:
        """Judge the keeps again, by an estimated σ or one that is asked for; close if open."""
        feed = self.replay.feed
        if feed.question is not None:
            self._close_what_if()
            return
        if (spread := estimated_spread(feed.source, feed.player.session)) is None:
            self._ask_sigma()
        else:
            self._question(Question(CONFIRM, spread))

    def _question(self, question: Question) -> None:
        """Show which keeps stand, and give the focus to the line that tells."""
        feed, line = self.replay.feed, self.query_one(WhatIfLine)
        is_first = feed.question is None
        feed.question = question
        feed.moved()
        line.add_class("-open")
        line.focus()
        values = [
            e.measurement.metric
            for e in feed.player.session.experiments
            if e.measurement is not None and e.effective_verdict is not Verdict.CRASH
        ]
        name = clean_line(feed.player.session.config.metric)
        note = coarse_note(name, coarse_step(values), question.spread)
        if is_first and note:
            self.tell(note, "warning")

    def _ask_sigma(self) -> None:
        """Ask for σ, and judge the keeps by it."""

        def answered(text: str | None) -> None:
            if text is None:
                return
            if (sigma := sigma_of(text)) is None:
                self.tell(f"{text} is not a number above 0, so σ is as before.", "warning")
                return
            question = self.replay.feed.question or Question(CONFIRM, known_spread(sigma))
            self._question(question.at(sigma))

        known = self.replay.feed.question
        hint = "The standard deviation of the metric between runs of the same code, such as 0.0004."
        if known is None:
            hint += " Too few commits were run more than once to estimate it."
        initial = "" if known is None else f"{known.spread.sigma:.3g}"
        card = AskText("σ of a single run", hint, initial, limit=24, yes="judge")
        self.shell.open_once(card, answered)

    def _close_what_if(self) -> None:
        self.replay.feed.question = None
        self.replay.feed.moved()
        line = self.query_one(WhatIfLine)
        if line.has_focus:
            self.panels.active_part.focus()

    @on(WhatIfLine.Moved)
    def _sigma_moved(self, event: WhatIfLine.Moved) -> None:
        if (question := self.replay.feed.question) is not None:
            self.replay.feed.question = question.moved(event.steps)
            self.replay.feed.moved()

    @on(WhatIfLine.RuleMoved)
    def _rule_moved(self, event: WhatIfLine.RuleMoved) -> None:
        if (question := self.replay.feed.question) is not None:
            rules = rules_for(self.view.session)
            rule = rules[(rules.index(question.rule) + event.by) % len(rules)]
            self.replay.feed.question = replace(question, rule=rule)
            self.replay.feed.moved()

    @on(WhatIfLine.Asked)
    def _sigma_asked(self) -> None:
        self._ask_sigma()

    @on(WhatIfLine.Closed)
    def _what_if_closed(self) -> None:
        self._close_what_if()

    @on(WhatIfLine.Focused)
    def _what_if_focused(self, event: WhatIfLine.Focused) -> None:
        self.query_one(ActionFooter).hint(WHAT_IF_KEYS if event.has_focus else "")
