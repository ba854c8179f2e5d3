"""How a signal spreads through wide random networks: moments of activations under normal pre-activations."""
