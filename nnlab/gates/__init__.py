"""Gates: conditions on the figures of a run. Parsing, checking names, evaluating, JUnit reports."""
