"""Files of items between being looked at and being loaded: kept for a day, for whoever sent them, and nobody else."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from app.kit.errors import Malformed
from app.kit.ids import new_secret
from app.people.tables import Researcher
from app.studies.tables import Study

SHOWN_AGAIN = 2_000_000
"""Text of fewer bytes stands on the page itself; anything else is kept beside it."""
KEPT_FOR = timedelta(days=1)
MOST_KEPT = 3
"""Files kept of one researcher; a further one takes the place of the oldest."""


@dataclass(frozen=True)
class Upload:
    """A file that was chosen, or text that was pasted. ``text`` is what the page shows again, "" where it is not shown; ``kept`` names a
    file looked at before.
    """

    data: bytes
    name: str
    text: str
    fields: dict[str, str]
    kept: str = ""


async def _upload(request: Request) -> Upload:
    async with request.form(max_files=1, max_fields=60, max_part_size=300_000_000) as form:
        fields = {k: v for k, v in form.multi_items() if isinstance(v, str)}
        file = form.get("file")
        if file is not None and not isinstance(file, str) and file.filename:
            data = await file.read()
            try:
                text = data.decode("utf-8") if len(data) < SHOWN_AGAIN else ""
            except UnicodeDecodeError:
                text = ""
            return Upload(data, file.filename, text, fields)
    text = fields.get("text", "").replace("\r\n", "\n")
    name = fields.get("name") or ("pasted.jsonl" if text.lstrip()[:1] in "{[" else "pasted.csv")
    kept = "" if text else fields.get("kept", "")
    return Upload(text.encode("utf-8", "surrogatepass"), name, text, fields, kept)


Uploaded = Annotated[Upload, Depends(_upload)]


def recalled(folder: Path, form: Upload, study: Study, who: Researcher) -> Upload:
    """The form with the bytes of the file that it names as looked at before.

    Raises:
        Malformed: There is no such file, of this researcher in this study, any more.
    """
    if not form.kept:
        return form
    path = folder / f"{_owner(study, who)}-{form.kept}"
    if re.fullmatch(r"[A-Za-z0-9_-]{20,80}", form.kept) is None or not path.is_file():
        message = "The file that you looked at is no longer kept. Choose it again."
        raise Malformed(message, errors=[{"where": "file", "message": message}])
    return replace(form, data=path.read_bytes())


def keep(folder: Path, form: Upload, study: Study, who: Researcher, *, now: datetime) -> str:
    """Keep the bytes until they are loaded, and say by which name; "" where the page shows them itself."""
    if form.text or not form.data:
        return ""
    if form.kept:
        return form.kept
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder, now=now)
    own = sorted(
        (p for p in folder.iterdir() if p.name.split("-")[1:2] == [str(who.id)]),
        key=lambda p: (p.stat().st_mtime, p.name),
    )
    for path in own[: max(0, len(own) - MOST_KEPT + 1)]:
        path.unlink(missing_ok=True)
    name = new_secret()
    path = folder / f"{_owner(study, who)}-{name}"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(form.data)
    os.utime(path, (now.timestamp(), now.timestamp()))
    return name


def sweep(folder: Path, *, now: datetime) -> None:
    """Forget what was kept too long ago."""
    for path in folder.iterdir():
        try:
            if path.stat().st_mtime < (now - KEPT_FOR).timestamp():
                path.unlink(missing_ok=True)
        except FileNotFoundError:
            continue


def _owner(study: Study, who: Researcher) -> str:
    return f"{study.id}-{who.id}"
