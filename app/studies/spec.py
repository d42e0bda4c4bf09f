"""The study file: its keys, defaults and checks, the same for YAML, JSON, the page and the API (CONTRACT section 5)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from app.kit.text import storable

DEFAULT_REASONS = (
    "Accuracy", "Usefulness", "Honesty", "Clarity", "Care for others", "Doing what was asked", "Tone", "Length", "Formatting",
)  # fmt: skip
DEFAULT_CONSENT = """\
You will compare answers that an AI wrote and say which you prefer. There are no right answers.

**What is kept:** your choices, any words you add, and how long you took. No name, e-mail or address is kept.

**What happens to it:** your choices become part of a dataset that helps AI systems give better answers. The dataset may be published.

**Your rights:** you can stop at any time, skip anything, download what you gave, and delete it.

You must be 18 or older to take part.
"""
META_KINDS = tuple(f"M{n}" for n in range(1, 17))
POLICIES = ("contested", "information", "ranking", "reward_model", "even", "random")

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,78}[a-z0-9])?$")]
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    """A part of the study file: unknown keys are errors, texts keep their words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        return storable(value)


def _no_repeats(values: list[str], what: str) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{what} names {value!r} twice")
        seen.add(value)


class Aspect(_Part):
    key: Key
    label: Line
    help: str = ""


class Question(_Part):
    text: Line = "Which answer is better here?"
    scale: Literal["choice", "graded"] = "choice"
    aspects: list[Aspect] = []
    rationale: Literal["off", "optional", "required"] = "optional"
    reasons: list[Line] = list(DEFAULT_REASONS)
    highlights: Literal["off", "on"] = "off"
    confidence: Literal["off", "on"] = "off"
    stance: Literal["off", "for_me", "for_the_asker", "rule_for_everyone", "ask"] = "off"

    @model_validator(mode="before")
    @classmethod
    def _yaml_booleans(cls, data: Any) -> Any:
        """A text alone is the question's. YAML 1.1 reads a bare ``off`` or ``on`` as a boolean; the file's reader means the words."""
        if isinstance(data, str):
            return {"text": data}
        if isinstance(data, dict):
            words = {True: "on", False: "off"}
            return {
                k: words[v]
                if isinstance(v, bool) and k in {"rationale", "highlights", "confidence", "stance"}
                else v
                for k, v in data.items()
            }
        return data

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        _no_repeats([a.key for a in self.aspects], "aspects")
        _no_repeats(self.reasons, "reasons")
        return self


class ProfileField(_Part):
    key: Key
    label: Line
    options: list[Line] = Field([], max_length=60)
    required: bool = False


class Groups(_Part):
    key: Key
    weights: dict[str, Annotated[float, Field(ge=0)]] = {}

    @model_validator(mode="after")
    def _some_weight(self) -> Self:
        if self.weights and sum(self.weights.values()) <= 0:
            raise ValueError("at least one group needs a weight above 0")
        return self


class People(_Part):
    profile: list[ProfileField] = []
    groups: Groups | None = None
    consent: str = DEFAULT_CONSENT
    join: Literal["link", "invited", "prolific"] = "link"
    limit: Annotated[int, Field(ge=1)] | None = None
    opt_out_topics: bool = True

    @model_validator(mode="after")
    def _groups_have_a_profile_key(self) -> Self:
        keys = [f.key for f in self.profile]
        _no_repeats(keys, "profile")
        if self.groups is not None and keys and self.groups.key not in keys:
            raise ValueError(
                f"groups.key {self.groups.key!r} is not a key of people.profile ({', '.join(keys)})"
            )
        return self


class PerPair(_Part):
    min: Annotated[int, Field(ge=0, le=1000)] = 1
    max: Annotated[int, Field(ge=1, le=1000)] = 15

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError("min is larger than max")
        return self


class Collection(_Part):
    budget: Annotated[int, Field(ge=1)] = 2000
    per_pair: PerPair = PerPair()
    per_annotator: Annotated[int, Field(ge=1)] = 200
    reservation_minutes: Annotated[float, Field(gt=0, le=1440)] = 20
    edit_hours: Annotated[float, Field(ge=0, le=24 * 365)] = 24


class Session(_Part):
    questions: Annotated[int, Field(ge=1, le=500)] = 15
    break_after: Annotated[int, Field(ge=0, le=500)] = 10


class Querying(_Part):
    policy: Literal["contested", "information", "ranking", "reward_model", "even", "random"] = "contested"
    goal: Literal["order", "scores", "mix", "top_k"] = "mix"
    explore: Share = 0.1
    retest: Share = 0.08
    features: Literal["auto", "identity", "text", "given"] = "auto"


class OwnQuestion(_Part):
    kind: Literal[
        "M1", "M2", "M3", "M4", "M5", "M6", "M7", "M8", "M9", "M10", "M11", "M12", "M13", "M14", "M15", "M16"
    ]
    text: Line
    options: list[Any] = []
    when: Any = None


class Meta(_Part):
    share: Share = 0.2
    kinds: list[
        Literal[
            "M1",
            "M2",
            "M3",
            "M4",
            "M5",
            "M6",
            "M7",
            "M8",
            "M9",
            "M10",
            "M11",
            "M12",
            "M13",
            "M14",
            "M15",
            "M16",
        ]
    ] = ["M1", "M2", "M3", "M4", "M5", "M6", "M7", "M9", "M12"]
    foils: Annotated[int, Field(ge=0, le=2)] = 1
    own: list[OwnQuestion] = []


class Panels(_Part):
    enabled: bool = False
    size: Annotated[int, Field(ge=3, le=60)] = 5
    hours: Annotated[float, Field(gt=0)] = 72


class Gold(_Part):
    share: Share = 0


class Display(_Part):
    markdown: bool = True
    plain_text_arm: Share = 0.0
    mask_model_names: bool = True
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "en"


class Prolific(_Part):
    completed: str | None = None
    screened_out: str | None = None
    returned: str | None = None


class Release(_Part):
    licence: Line = "CC-BY-4.0"
    withdraw_until: Any = None

    @model_validator(mode="after")
    def _a_date(self) -> Self:
        from datetime import date, datetime

        value = self.withdraw_until
        if value is None:
            return self
        if isinstance(value, datetime):
            value = value.date()
        if isinstance(value, str):
            value = date.fromisoformat(value)
        if not isinstance(value, date):
            raise ValueError("withdraw_until must be a date such as 2027-01-31")  # noqa: TRY004 - Pydantic wants ValueError
        object.__setattr__(self, "withdraw_until", value.isoformat())
        return self


class StudySpec(_Part):
    """A whole study file. Only ``slug``, ``title`` and ``question`` have no default."""

    slug: Slug
    title: Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
    guidelines: str = ""
    question: Question
    item_kind: Literal["value", "fact", "mixed"] = "value"
    people: People = People()
    collection: Collection = Collection()
    session: Session = Session()
    querying: Querying = Querying()
    meta: Meta = Meta()
    panels: Panels = Panels()
    gold: Gold = Gold()
    display: Display = Display()
    prolific: Prolific = Prolific()
    release: Release = Release()
