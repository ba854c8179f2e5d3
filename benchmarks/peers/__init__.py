"""Everything that is measured, a file for each: a table `FORMS` of ways to train, and the `PACKAGES` they need.

A form takes a workload and returns a `workloads.Runner`, ready to go; or raises `SkipError` with the reason.
"""
