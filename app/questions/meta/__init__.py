"""Kinds of meta-question, one file each: a module here offers ``KIND`` (see ``app.questions.protocol``)."""
