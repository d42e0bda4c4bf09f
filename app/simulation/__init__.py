"""Simulated people and the demo: what a study looks like with answers in it, before anyone is asked.

Promises that simulated answers go through the same doors as real ones, and that they are marked as simulated wherever they are.
"""
