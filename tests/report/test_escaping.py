"""Untrusted text stays text in Markdown, HTML and SVG, and the page loads nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from engine.core.enums import Verdict
from engine.report.markdown import escape, markdown
from engine.report.page import page
from engine.report.sources import load_session
from engine.report.svg import chart_file, chart_svg
from tests.report.nights import HOSTILE, Night, hostile_facts

PATCH = """\
--- a/train.py
+++ b/train.py
@@ -1,2 +1,2 @@ <b>
-X = "</pre><script>alert(2)</script>"
+X = "\u202e<img src=x onerror=alert(3)>"
"""
_TAG_WORDS = """
html head meta title style script body header footer p h1 h2 ul ol li b span svg path text div
section table thead tbody tr th td button input code details summary pre ins del i
"""
_ATTRIBUTE_WORDS = """
lang charset http-equiv content name class viewbox role aria-label d x y text-anchor transform
data-v id type placeholder
"""


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self._in = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.update(name for name, _ in attrs)
        self._in = tag

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in == "script":
            self.scripts.append(data)
        elif self._in == "style":
            self.styles.append(data)
        else:
            self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


def hostile_page() -> str:
    return page(hostile_facts(), {2: PATCH})


def test_the_page_has_only_its_own_tags() -> None:
    found = read(hostile_page())
    assert set(found.tags) <= set(_TAG_WORDS.split())
    assert found.attributes <= set(_ATTRIBUTE_WORDS.split())
    assert found.tags.count("script") == found.tags.count("style") == 1
    assert "alert" not in found.scripts[0]
    assert "<script>alert(1)</script>" in found.text
    assert 'X = "</pre><script>alert(2)</script>"' in found.text


def test_the_page_is_self_contained() -> None:
    html = hostile_page()
    found = read(html)
    for own in (*found.scripts, *found.styles):
        assert "//" not in own.replace("// What", "")
        assert "url(" not in own and "@import" not in own
    assert not re.search(r"<(?:link|img|iframe|object|embed|base|form|a|image|use)\b", html)
    assert not re.search(r"\s(?:src|href|style|on\w+)\s*=\s*[\"']?[^\"'&]", _markup_only(html))


def _markup_only(html: str) -> str:
    """Return the text inside tags."""
    outside = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.S)
    return " ".join(re.findall(r"<[^>]*>", outside))


def test_the_policy_allows_only_the_page_s_style_and_script() -> None:
    html = hostile_page()
    found = read(html)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    assert policy[1].startswith("default-src 'none';")
    assert "unsafe" not in policy[1]
    for text in (found.scripts[0], found.styles[0]):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy[1]


def test_bidi_controls_are_visible() -> None:
    html = hostile_page()
    assert "\u202e" not in html and "\x1b" not in html and "\x00" not in html


def rendered(text: str, *, fuzzy: bool = True) -> set[str]:
    """Return the tokens of a renderer that turns addresses into links."""
    render = MarkdownIt("gfm-like", {"html": True, "linkify": True})
    assert render.linkify is not None
    render.linkify.set({"fuzzy_link": fuzzy})
    tokens = render.parse(text)
    return {child.type for token in tokens for child in [token, *(token.children or [])]}


_ACTIVE = {"html_block", "html_inline", "image", "link_open"}


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_renders_untrusted_text_literally(text: str) -> None:
    shown = " ".join(text.split())
    for source in (escape(shown), f"- {escape(shown)}", f"| a |\n| --- |\n| {escape(shown)} |"):
        found = rendered(source)
        assert not found & (_ACTIVE | {"code_inline", "strong_open", "em_open", "s_open"})


def test_the_summary_of_hostile_rows_is_well_formed() -> None:
    text = markdown(hostile_facts())
    # `program.md` is not a host, though md is a top-level domain.
    found = rendered(text, fuzzy=False)
    assert not found & _ACTIVE
    assert "table_open" in found and "ordered_list_open" in found
    assert "\x1b" not in text and "\u202e" not in text


def test_svg_is_valid_xml_for_hostile_text() -> None:
    facts = hostile_facts()
    inline = ElementTree.fromstring(chart_svg(facts))
    assert {element.tag for element in inline.iter()} == {"svg", "path", "text", "title"}
    drawn = ElementTree.fromstring(chart_file(facts))
    tags = {element.tag.rsplit("}", 1)[-1] for element in drawn.iter()}
    assert not tags & {"script", "image", "foreignObject", "a"}


def test_diffs_are_in_the_page(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.experiment(1.0, Verdict.KEEP)
    night.experiment(0.9, Verdict.KEEP, gain=0.1, patch=PATCH)
    source = load_session(tmp_path, "night")
    html = page(source.facts, source.patches)
    assert html.count("<details>") == 1
    assert "<del>-X = " in html and "<ins>+X = " in html
    assert "not recorded" not in html
