"""Drafting: from a table to an experiment for it, each setting with its reason.

inquiry    read a table; what it asks is noted, and reading goes on with the likeliest answer
settings   the table of settings: what each is set to, and because of what
text       the settings as an experiment file
draft      all of it, and where the file goes
"""
