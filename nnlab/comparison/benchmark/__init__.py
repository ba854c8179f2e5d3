"""A benchmark: several activations (arms) on several data sets, each under many seeds.

sets.py      from a suite file to its sets, checked before anything is trained
errors.py    an arm's figures as errors, with the error of chance
train.py     tune and train set by set, in one folder, which may be continued
conclude.py  the arms on each set
across.py    the arms over all sets
contents.py  all of it, also made again from the summary
pictures.py  the pictures, and report.py the page
tables.py    tables for scripts and for people
write.py     the files of the folder
dry_run.py   what would be trained, and how long it would take
"""
