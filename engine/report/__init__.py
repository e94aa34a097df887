"""Writes the report on a session or any results.tsv: a summary, pictures and an HTML page.

sources.py     reads a journal into `ReportFacts` (model.py)
facts.py       computes the facts; session_facts.py and table_facts.py: those of one kind
keeps.py       judges the keeps against the noise
hours.py       computes how the session's time was used
meaning.py     explains the metric; advice.py: derives next steps by fixed rules
question.py    composes the question to a language model, and parses its answer;
               suggest.py asks it, suggestions.py saves the answer until new measurements
patches.py     selects the diffs for the page
sections.py    arranges the facts in titled blocks of plain text (blocks.py; findings.py: those
               about the experiments), rendered by markdown.py and page.py
axis.py        chooses the range of values in a picture
plot.py        computes the contents of a picture: drawn by svg.py (no library) and by chart.py
               and card.py (matplotlib, the extra `report`; drawing.py); palette.py: colours
write.py       writes the files; automatic.py: writes summaries while an engine runs
"""
