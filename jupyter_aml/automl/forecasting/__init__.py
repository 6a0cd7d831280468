"""Forecasts: series of numbers in time, one or many, continued for some steps.

What a saved model needs at run time imports nothing of ours from outside this package: all of it is pickled by value.
"""
