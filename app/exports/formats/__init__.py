"""Shapes of dataset, one file each: a module here offers ``FORMAT`` (see ``app.exports.protocol``)."""
