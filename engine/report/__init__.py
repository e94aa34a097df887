"""The report on a session, or on any results.tsv: a summary, pictures and a page.

sources.py     reads a journal into `ReportFacts` (model.py)
facts.py       facts of sessions and tables alike; session_facts.py and table_facts.py: of one kind
keeps.py       the keeps, judged against the noise
hours.py       how the session's time was used
meaning.py     explains the metric; advice.py: next steps by fixed rules
question.py    the question to a language model, and the steps in its answer; suggest.py asks it,
               suggestions.py saves the answer until something new is measured
patches.py     selects the diffs for the page
sections.py    the facts as titled blocks of plain text (blocks.py; findings.py: those about the
               experiments), rendered by markdown.py and page.py
axis.py        the range of values in a picture
plot.py        the contents of a picture: drawn by svg.py (no library) and by chart.py and card.py
               (matplotlib, the extra `report`; drawing.py), in the colours of palette.py
write.py       writes the files; automatic.py: writes summaries while an engine runs
"""
