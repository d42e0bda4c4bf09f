"""From a study file, as YAML text or as parsed JSON, to a checked specification; and back to YAML.

Every message is the same wherever the file came from: the page, the API and the command say it in the same words.
"""

from __future__ import annotations

import difflib
import re
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from app.kit.errors import Malformed, Where
from app.studies.spec import StudySpec

_A_MAPPING = "A study file is a mapping of keys such as slug, title and question."


class StudyFileError(Malformed):
    """The study file cannot be used; each error names its key and, for YAML, its line."""

    code, title = "study_file", "The study file has mistakes"


def from_yaml(text: str) -> StudySpec:
    """A specification from YAML (or JSON, which is YAML). Raises StudyFileError naming line and key."""
    try:
        node, data = parsed(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark is not None else "file"
        problem = getattr(error, "problem", None) or "this is not YAML"
        raise StudyFileError(
            f"{where}: {problem}", errors=[{"where": where, "message": str(problem)}]
        ) from None
    return _checked(data, _lines(node))


_QUESTION_MARK = re.compile(r"(?<=[^\s\[{,])\?")


def parsed(text: str) -> tuple[Any, Any]:
    """The composed document and the data of YAML text. Raises yaml.YAMLError.

    PyYAML ends a plain text inside ``{}`` or ``[]`` at a question mark, as YAML 1.1 had it; study files are full of questions, and
    1.2 lets them stand. Question marks within a text are therefore read as a letter that the text does not use.
    """
    letter = next(chr(c) for c in range(0xE000, 0xF8FF) if chr(c) not in text)

    class Loader(yaml.SafeLoader):
        def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
            node = super().compose_scalar_node(anchor)
            node.value = node.value.replace(letter, "?")
            return node

    loader = Loader(_QUESTION_MARK.sub(letter, text))
    try:
        node = loader.get_single_node()
        return node, loader.construct_document(node) if node is not None else None
    finally:
        loader.dispose()


def from_data(data: Any) -> StudySpec:
    """A specification from parsed JSON. Raises StudyFileError naming the key."""
    return _checked(data, {})


def to_yaml(spec: StudySpec) -> str:
    """The study file of ``spec``; reading it again gives an equal specification."""

    class Dumper(yaml.SafeDumper):
        pass

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    def number(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
        return dumper.represent_int(int(value)) if value.is_integer() else dumper.represent_float(value)

    Dumper.add_representer(str, text)
    Dumper.add_representer(float, number)
    return yaml.dump(spec.model_dump(), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)


def _checked(data: Any, lines: dict[tuple[Any, ...], int]) -> StudySpec:
    if not isinstance(data, dict):
        raise StudyFileError(_A_MAPPING, errors=[{"where": "file", "message": _A_MAPPING}])
    try:
        return StudySpec.model_validate(data)
    except ValidationError as error:
        errors = [_where(e, lines) for e in error.errors(include_url=False, include_context=True)]
        first = f"{errors[0]['where']}: {errors[0]['message']}"
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise StudyFileError(first + more, errors=errors) from None


def describe(error: Any, *, inside: str) -> Where:
    """One of Pydantic's errors about a study file that came as the part ``inside`` of a request, in the file's own words."""
    return _where({**error, "loc": tuple(p for i, p in enumerate(error["loc"]) if i or p != inside)}, {})


def _where(error: Any, lines: dict[tuple[Any, ...], int]) -> Where:
    path = tuple(
        p for p in error["loc"] if not (isinstance(p, str) and p.startswith(("function-", "constrained-")))
    )
    dotted = ".".join(str(p) for p in path) or "file"
    line = lines.get(path)
    where = f"{dotted} (line {line})" if line else dotted
    return {"where": where, "message": _sentence(error, path)}


def _sentence(error: Any, path: tuple[Any, ...]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        known = _keys_at(path[:-1])
        near = difflib.get_close_matches(str(path[-1]), known, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys here: {', '.join(known)}"
        return f"there is no key {str(path[-1])!r}; {hint}"
    if kind in {"model_type", "model_attributes_type"} and not path:
        return _A_MAPPING
    if kind == "missing":
        return "this key is needed"
    if kind == "literal_error":
        return f"{error['input']!r} is not one of {context['expected']}"
    if kind == "string_pattern_mismatch":
        if path and path[-1] == "slug":
            return "use lower-case letters, digits and hyphens, such as everyday-advice"
        return f"{error['input']!r} does not have the expected form"
    message = str(error["msg"])
    return message.removeprefix("Value error, ").removeprefix("Input ").strip()


def _keys_at(path: tuple[Any, ...]) -> list[str]:
    model: type[BaseModel] | None = StudySpec
    for step in path:
        if isinstance(step, int):
            continue
        field = model.model_fields.get(str(step)) if model else None
        model = _model_in(field.annotation) if field else None
    return list(model.model_fields) if model else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        found = _model_in(inner)
        if found:
            return found
    return None


def _lines(node: Any) -> dict[tuple[Any, ...], int]:
    """Line number, from 1, of each key and list entry of a composed YAML document."""
    found: dict[tuple[Any, ...], int] = {}

    def walk(part: Any, path: tuple[Any, ...]) -> None:
        if isinstance(part, yaml.MappingNode):
            for key, value in part.value:
                here = (*path, key.value)
                found[here] = key.start_mark.line + 1
                walk(value, here)
        elif isinstance(part, yaml.SequenceNode):
            for index, value in enumerate(part.value):
                here = (*path, index)
                found[here] = value.start_mark.line + 1
                walk(value, here)

    if node is not None:
        walk(node, ())
    return found
