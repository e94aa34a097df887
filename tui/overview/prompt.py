"""Provides the overview's page with the prompt that the agent is sent next, word for word."""

from __future__ import annotations

from engine.core.errors import AutoresearchError
from engine.core.session import Session
from engine.core.text import sanitize
from engine.protocol.commands import PreviewPrompt
from tui.overview.section import PageSection
from tui.present.experiment import prompt_line_style
from tui.present.lines import TextLine
from tui.screens.text_page import TextPage
from tui.view import LinkState, View


class PromptSection(PageSection):
    """Shows the agent's next prompt as the engine composes it; without an engine, the last kept."""

    def __init__(self) -> None:
        self._page = TextPage(classes="list")
        super().__init__(self._page, id="next-prompt")
        self._text = ""
        self._about = "asking …"
        self._asked: tuple[object, ...] = ()
        self._asking = False

    def show(self, view: View) -> None:
        session = view.session
        # All that the prompt depends on, so that it is not asked for after every event.
        now = (
            view.link,
            len(session.experiments),
            session.counts,
            session.frontier,
            session.last_steering_seq,
            len(session.programs),
            session.queue,
            session.ended,
        )
        if now != self._asked and not self._asking:
            self._asked, self._asking = now, True
            self.run_worker(self._ask(view), exit_on_error=False)

    async def _ask(self, view: View) -> None:
        try:
            await self._fill(view)
        finally:
            self._asking = False
        self.show(self.shell.view)

    async def _fill(self, view: View) -> None:
        why = (
            "A replay asks no agent; this is the prompt that was kept."
            if view.link is LinkState.REPLAY
            else "No engine is running."
        )
        if view.link is LinkState.LIVE and view.session.ended is None:
            try:
                reply = await self.shell.feed.send(PreviewPrompt())
            except AutoresearchError as error:
                why = str(error)
            else:
                if reply.ok:
                    self._set(reply.message, f"asked now · {_size(reply.message)}")
                    return
                why = reply.message
        number, key = last_prompt(view.session)
        text = self.shell.feed.prompt(key) if key else None
        if text is None:
            lost = f"; the prompt for #{number} is lost" if number else ""
            self._set("", f"not recorded{lost}", why)
        else:
            self._set(text, f"for #{number} · {_size(text)}", why)

    def _set(self, text: str, about: str, why: str = "") -> None:
        self._text, self._about = text, about
        lines: list[TextLine] = [(why, "--attention"), ("", "")] if why else []
        lines += [(line, prompt_line_style(line)) for line in sanitize(text).split("\n")]
        self._page.set_lines(tuple(lines))
        self.post_message(self.Changed())

    def caption(self) -> str:
        return f"the agent's prompt: {self._about}"

    def copied(self) -> tuple[str, str]:
        return "The agent's prompt", self._text


def last_prompt(session: Session) -> tuple[int, str]:
    """Return the number of the newest experiment with a kept prompt, and the prompt's key.

    The experiment may still wait in the queue. The result is (0, "") if no prompt was kept.
    """
    for ahead in reversed(session.queue):
        if ahead.prompt_key:
            return len(session.experiments) + 1, ahead.prompt_key
    for experiment in reversed(session.experiments):
        if experiment.prompt_key:
            return experiment.number, experiment.prompt_key
    return 0, ""


def _size(text: str) -> str:
    return f"{len(text):,} characters, ≈ {len(text) / 3.5:,.0f} tokens"
