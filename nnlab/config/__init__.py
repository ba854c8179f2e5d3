"""Config: experiment files: YAML with places, frozen models, overrides, plugins."""
