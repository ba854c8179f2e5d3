"""Gates: what figures must be. Parsing, which figures there are, holding a run against them, JUnit reports."""
