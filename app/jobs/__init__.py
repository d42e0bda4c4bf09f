"""A small queue in the database: work survives restarts and is done once, by any number of workers on any number of machines."""
