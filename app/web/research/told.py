"""A study's set-up in sentences: what a folded section says, and how long its pairs take."""

from __future__ import annotations

from app.studies.spec import StudySpec

WORDS_A_MINUTE = 238
"""Silent reading of English non-fiction by adults (Brysbaert 2019, Journal of Memory and Language 109)."""
DECIDING_S = 12
"""Seconds to choose and save once both answers are read."""
POLICIES = {
    "contested": "where people may differ",
    "information": "where an answer is expected to teach most",
    "ranking": "where the ranking is open",
    "reward_model": "where a reward model would learn most",
    "even": "pairs with fewest judgments first",
    "random": "pairs drawn at random",
}
JOINS = {"link": "Anyone with the link", "invited": "Invited people only", "prolific": "People from Prolific"}
LANGUAGES = {"en": "English", "ar": "Arabic"}


def minutes_a_pair(words: int | None) -> float:
    """Minutes to read both answers and choose; one minute where the answers are not known yet."""
    return 1.0 if words is None else words / WORDS_A_MINUTE + DECIDING_S / 60


def sentence(section: str, spec: StudySpec) -> str:
    """What a section holds, in a sentence or two."""
    return {"asked": _asked, "people": _people, "picking": _picking, "shown": _shown}[section](spec)


def _asked(spec: StudySpec) -> str:
    question = spec.question
    way = "A, same, neither or B" if question.scale == "choice" else "seven steps"
    also = [
        f"{len(question.reasons)} reasons to tick" if question.reasons else "",
        f"words of their own {question.rationale}" if question.rationale != "off" else "",
        f"{len(question.aspects)} aspects" if question.aspects else "",
        "how sure" if question.confidence == "on" else "",
        "marked words" if question.highlights == "on" else "",
    ]
    return f"“{question.text}” with {way}; {', '.join(a for a in also if a) or 'nothing besides'}."


def _people(spec: StudySpec) -> str:
    most = f", up to {spec.people.limit:,}" if spec.people.limit else ""
    asked = ", ".join(one.key.replace("_", " ") for one in spec.people.profile)
    profile = f" They are asked about: {asked}." if asked else ""
    return f"{JOINS[spec.people.join]}{most}; sessions of {spec.session.questions} pairs.{profile}"


def _picking(spec: StudySpec) -> str:
    querying, per_pair = spec.querying, spec.collection.per_pair
    return (
        f"{spec.collection.budget:,} judgments, {per_pair.min} to {per_pair.max} on a pair: {POLICIES[querying.policy]}; "
        f"{querying.explore:.0%} at random, {querying.retest:.0%} shown again to the same person."
    )


def _shown(spec: StudySpec) -> str:
    display = spec.display
    language = LANGUAGES.get(display.language, display.language)
    laid = "Markdown laid out" if display.markdown else "plain text"
    names = "names of models hidden" if display.mask_model_names else "names in answers left as they are"
    return f"In {language}, {laid}, {names}; released under {spec.release.licence}."
