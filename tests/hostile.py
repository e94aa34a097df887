"""One corpus of hostile text, for every place that shows or stores untrusted text."""

from __future__ import annotations

import unicodedata

C0 = "".join(map(chr, range(32)))
C1 = "".join(map(chr, range(0x7F, 0xA0)))
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
INVISIBLE = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b\u180e\u200b\u200c\u200d\u2060\u2061\u2064\u3164"
    "\ufe00\ufeff\uffa0\U000e0001\U000e0041\U000e0100"
)
SURROGATES = "\ud800\udbff\udc80\udfff"
BREAKS = "\r\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
ZALGO = "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324\u031ea\u0489\u0329lgo"
FLOODS = ("e" + "\u0301" * 500, "\u0e01" + "\u0e49" * 500, "x" + "\ufe0f" * 500)

ESCAPES = (
    "\x1b[2J\x1b[31mred\x1b[0m \x1b[?1049h\x1b[?1049l\x9b31mC1",
    "\x1b]0;title\x07\x1b]2;title\x1b\\\x9d0;title\x9c",
    "\x1b]52;c;cHduZWQ=\x07\x1b]52;c;cHduZWQ=\x1b\\",
    "\x1b]8;;http://evil.example\x07link\x1b]8;;\x07",
    "\x1bP+q544e\x1b\\\x1bPq#0\x1b\\\x90q\x9c\x1bXsos\x1b\\\x1b^pm\x1b\\\x1b_apc\x1b\\",
    "\x1bc\x1b(0lqk\x1b(B\x1b7\x1b8\x1b=",
    "\x1b]0;an open one hides nothing",
    "\x1b\x1b[31m[31m\x1b",
)
MARKUP = (
    "[/red][@click=app.quit]go[/] [bold]markup[/bold] [/foo]",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></style></script><svg onload=alert(1)>",
    "[click](javascript:alert(1)) ![x](http://evil.example/x.png)",
    "| pipe | `code` **bold** _it_ ~~no~~ <b>",
    "$\\frac{1}{0}$ costs $5, \\alpha",
    "https://evil.example www.evil.example evil@evil.example @everyone #1",
    "&lt;b&gt; &amp; &#60;",
    "1. list\u2028- item\r\n# title\n---",
    "+ a",
    "%s {0} {{x}} \\n",
)
"""Text that a renderer of terminal markup, HTML, Markdown, TeX or format strings may obey."""

HUGE = (
    "x" * 200_000,
    *(
        introducer * 100_000
        for introducer in ("\x1b", "\x1b[", "\x9b0;", "\x1b]", "\x9d", "\x90", "\x1bP0", "\x1b ")
    ),
    "\r" * 200_000,
    "\t \u2028" * 60_000,
    "\u202e\u200b" * 100_000,
    "\u0301" * 200_000,
)
"""Lines so long that a pattern of quadratic time does not end within a test."""

CORPUS = (
    "",
    C0,
    C1,
    f"a{BIDI}b",
    f"a{INVISIBLE}b",
    f"a{SURROGATES}b",
    f"one{BREAKS}two",
    "\ufeffcolumn\tcolumn\t\x00\x00end",
    ZALGO,
    *FLOODS,
    *ESCAPES,
    *MARKUP,
)

ATTACK = (
    "\x1b]0;pwned\x07title\x1b]52;c;cHduZWQ=\x07\x1b[2J\x1bc\x9d0;pwned\x9c"
    "\x1b]8;;http://pwned\x07x\x1b]8;;\x07"
    "\x1b[?1049l\x1bP+q544e\x1b\\\x9b31m\x00\x08\x7f[/red][@click=app.quit]go[/]"
    "\u202e pwned \u200b\ufeffe\u0301\u0301\u0301\u0301\u0301\u0301 \ud800\x1b end"
)
"""A short line with an instance of most kinds of hostile text."""


def unsafe_in(text: str, allowed: str = "") -> set[str]:
    """Return the characters of a text that control a terminal, reorder text or are invisible.

    Decided by Unicode's categories, independently of the ranges in the product.
    """
    return {
        c
        for c in text
        if c not in allowed
        and (unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") or c in INVISIBLE)
    }
