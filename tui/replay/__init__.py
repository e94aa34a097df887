"""The screen of a session that is over, or of one that goes on, at any moment of its life.

player.py    where in the recording one is, and how it moves; pure but for the clock
feed.py      the recording as a feed, so that the live screen paints it
app.py       the app; screen.py the main screen with its time line; detail.py one experiment
time_line.py the line itself
total.py     all that changed from the baseline to the best
"""
