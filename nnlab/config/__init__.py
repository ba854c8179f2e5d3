"""Level 2, configuration: YAML with positions, overrides, and the frozen models of an experiment."""
