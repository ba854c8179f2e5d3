"""One training step as one would do it by hand.

`step` takes its numbers from a training, and `build` names and explains each; `tables`, `markdown` and `latex` write
them down; `answers` leaves some out and marks what is filled in.
"""
