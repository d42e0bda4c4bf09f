"""Rules, one file each: a module here offers ``POOL`` (see ``app.aggregation.protocol``). Nothing here knows a database."""
