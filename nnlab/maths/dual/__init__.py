"""Dual arrays: values with their derivative along one direction and a bound of the rounding error in both."""
