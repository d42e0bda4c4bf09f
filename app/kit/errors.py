"""Named refusals: each has a status, a code and a sentence a person can act on; the shells render them."""

from __future__ import annotations

from typing import Any, ClassVar, NotRequired, TypedDict


class Where(TypedDict):
    """One place in malformed input: ``where`` names the field or line, ``message`` says what to do."""

    where: str
    message: str
    code: NotRequired[str]


class AppError(Exception):
    """A refusal that a caller can act on.

    ``detail`` is a sentence for a person; ``errors`` names the places in malformed input; anything else given by
    keyword is kept in ``context`` for logs and tests and never holds an answer, a name or an address.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"

    def __init__(self, detail: str = "", *, errors: list[Where] | None = None, **context: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = errors or []
        self.context = context


class NotFound(AppError):
    """Unknown, or not the caller's: the two look alike on purpose."""

    status, code, title = 404, "not_found", "There is nothing here"


class Forbidden(AppError):
    """The right person in the wrong role."""

    status, code, title = 403, "forbidden", "You may look at this, but not change it"


class Unauthorized(AppError):
    """No sign-in, or one that no longer holds."""

    status, code, title = 401, "unauthorized", "Please sign in"


class Conflict(AppError):
    """The request is well formed but the state says no; ``code`` of the subclass says which."""

    status, code, title = 409, "conflict", "That does not go with the present state"


class Malformed(AppError):
    """Input that cannot be read; ``errors`` names each place."""

    status, code, title = 422, "malformed", "Some of this could not be read"


class TooLarge(AppError):
    status, code, title = 413, "too_large", "That is too large"


class TooMany(AppError):
    """Too many requests; ``retry_after`` is whole seconds."""

    status, code, title = 429, "too_many", "Too many tries"

    def __init__(self, detail: str = "", *, retry_after: int = 60, **context: Any) -> None:
        super().__init__(detail, **context)
        self.retry_after = retry_after
