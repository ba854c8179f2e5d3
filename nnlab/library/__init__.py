"""What `import nnlab` offers: the commands as functions of Python, with results that a notebook draws.

The names are listed in `nnlab.__all__`. Nothing here prints or ends the process; what goes wrong is a `NnlabError` with
the words of the command line. Gates that are not met, a wrong gradient and a training that diverged are results.
"""
