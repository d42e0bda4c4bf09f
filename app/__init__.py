"""Soundings asks people which AI answers they prefer, where they disagree, and how they want that to be understood.

Glossary: a *study* holds *items*; an item is one prompt with two or more *responses*; two responses of an item are a
*pair*. An *annotator* is a person in a study. An *assignment* is one question put to one annotator, with the reason and
the probability of its being asked. A *judgment* is the answer, and is never altered: a correction is a new row. A
*meta-question* asks how judgments should be read; its answer becomes a revocable *patch*. A *rule* turns the judgments of
a pair into one label. An *export* is a numbered, frozen, reproducible dataset.

Map, top to bottom (a room may use those below it, never those above or beside it)::

    main                     the only place where all rooms meet
    web | api | cli          shells: pages, JSON, commands
    exports | simulation     datasets that go out; simulated people and the demo
    reports                  what the votes say
    deliberation             group discussions
    querying                 what to ask whom next, and why
    aggregation              judgments to labels
    metapreferences          patches, and each person's wishes
    judgments                the append-only record of answers
    assignments              one question put to one person
    studies                  the design of a study: items, pairs, versions
    people                   annotators, researchers, consent, tokens
    questions | inference | jobs   what a question is; statistics; a queue (the first two are pure)
    db                       engine, session, portable types
    kit                      settings, errors, clock, ids, randomness, log, discovery
"""

from __future__ import annotations

import os

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ.setdefault(_threads, "1")
"""Our matrices are small: a pool of threads for each product costs more than it gives (the demo's people: 46 s of
processor against 19). Read by numpy when it is first imported; who wants more sets the variable."""

__version__ = "0.1.0"
