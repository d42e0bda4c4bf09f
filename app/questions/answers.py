"""What a person may answer to a comparison, as it arrives through the page or the API."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from app.kit.text import STORABLE

Choice = Literal["left", "right", "tie", "neither", "skip"]
SkipReason = Literal["rather_not", "dont_know", "broken", "rather_not_say"]
TieReason = Literal["same_content", "each_better", "dont_know", "depends_on_person"]
Stance = Literal["for_me", "for_the_asker", "rule_for_everyone"]
View = Literal["my_view", "leaning", "guess", "checkable"]
SpanTag = Annotated[str, StringConstraints(min_length=1, max_length=60), STORABLE]
FreeText = Annotated[str, StringConstraints(max_length=5000), STORABLE]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=200), STORABLE]


def _no_truth(value: Any) -> Any:
    """Refuse JSON's true and false where a number is asked for: they would be read as 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("expected a number, got true or false")  # noqa: TRY004 - pydantic's word for a refusal
    return value


Whole = Annotated[int, BeforeValidator(_no_truth)]

SWAPPED = {"left": "right", "right": "left"}


class Span(BaseModel):
    """A mark in one of the two texts, in code points of the stored text, end excluded."""

    model_config = ConfigDict(extra="forbid")
    side: Literal["left", "right"]
    start: Annotated[Whole, Field(ge=0)]
    end: Annotated[Whole, Field(ge=1)]
    tag: SpanTag


class ComparisonAnswer(BaseModel):
    """The answer to a comparison (CONTRACT section 5). Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")
    choice: Choice
    strength: Annotated[Whole, Field(ge=1, le=3)] | None = None
    aspects: dict[str, Literal["left", "right", "tie", "neither"]] | None = None
    rationale: FreeText | None = None
    reason_tags: Annotated[list[Tag], Field(max_length=40)] | None = None
    skip_reason: SkipReason | None = None
    tie_reason: TieReason | None = None
    better: FreeText | None = None
    stance: Stance | None = None
    spans: Annotated[list[Span], Field(max_length=200)] | None = None
    predicted_share: Annotated[float, BeforeValidator(_no_truth), Field(ge=0, le=1)] | None = None
    confidence: Annotated[Whole, Field(ge=1, le=3)] | None = None
    view: View | None = None
    client_token: Annotated[str, StringConstraints(min_length=1, max_length=80), STORABLE] | None = None
    elapsed_ms: Annotated[Whole, Field(ge=0, le=86_400_000)] | None = None

    def swapped(self) -> ComparisonAnswer:
        """The same answer had the two texts stood on each other's sides."""
        changed: dict[str, Any] = {"choice": SWAPPED.get(self.choice, self.choice)}
        if self.aspects is not None:
            changed["aspects"] = {k: SWAPPED.get(v, v) for k, v in self.aspects.items()}
        if self.spans is not None:
            changed["spans"] = [s.model_copy(update={"side": SWAPPED[s.side]}) for s in self.spans]
        return self.model_copy(update=changed)
