"""Loggers: TensorBoard and MLflow, which get figures, configuration and pictures of runs that have ended."""
