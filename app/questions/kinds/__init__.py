"""Ways to compare two responses, one file each: a module here offers ``KIND`` (see ``app.questions.protocol``)."""
