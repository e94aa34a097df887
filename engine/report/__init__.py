"""What came of a session, or of anybody's results.tsv, for people: text, pictures and a page.

sources.py     a journal, or a table, to `ReportFacts` (model.py)
facts.py       the facts both have; of_session.py and of_table.py read what only one knows
noise.py       how much the same code differs from run to run, and which keeps stand out from that
hours.py       where the time went
meaning.py     what the numbers mean; advice.py: what to do next, by plain rules
question.py    what a language model is asked, and the steps in its answer; suggest.py asks it,
               suggestions.py keeps what it said until something new is measured
patches.py     the diffs that fit into a page
sections.py    the facts as titled blocks of plain text (blocks.py; findings.py makes those about
               the experiments), painted by markdown.py and page.py
axis.py        the range of values a picture shows
plot.py        what a picture shows and where: read by svg.py (no library) and chart.py, card.py
               (matplotlib, the extra `report`)
write.py       the files; automatic.py: those an engine writes by itself
"""
