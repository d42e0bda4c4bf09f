"""The parts of a dataset card, each written from the data."""
