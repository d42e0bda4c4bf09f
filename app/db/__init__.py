"""How the database is reached: engine, sessions and portable column types, the same for SQLite and PostgreSQL.

A write session commits before the answer leaves; reads never wait for writers.
"""
