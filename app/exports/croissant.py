"""The export as a Croissant 1.1 document with the Responsible AI keys, for catalogues and loaders that read it."""

from __future__ import annotations

from typing import Any

from app import __version__
from app.exports.manifest import Written
from app.exports.people import FEWEST_HOLDERS, FEWEST_IN_GROUP
from app.exports.schema import Column, Many, Scalar, Struct
from app.exports.state import State

_TERMS = (
    "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet", "format",
    "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex",
    "repeated", "replace", "samplingRate", "separator", "source", "subField", "transform", "isArray", "arrayShape",
)  # fmt: skip
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS},
}
_TYPES = {
    "string": "sc:Text",
    "int64": "sc:Integer",
    "float64": "sc:Float",
    "bool": "sc:Boolean",
    "timestamp[ms, tz=UTC]": "sc:DateTime",
}
_ENCODING = {"parquet": "application/x-parquet", "jsonl": "application/jsonlines"}


def croissant(
    state: State, written: list[Written], figures: dict[str, Any], files: list[dict[str, Any]]
) -> dict[str, Any]:
    """The document. Every data file is one record set, named by its config and split."""
    listed = {f["path"]: f for f in files}
    file_type = state.options.file_type
    sets = [(w, split, f"{w.format.name}/{split}.{file_type}") for w in written for split in w.rows]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [
            "http://mlcommons.org/croissant/1.1",
            "http://mlcommons.org/croissant/RAI/1.0",
        ],
        "name": state.study.slug,
        "description": f"{state.study.title}. Choices between answers of AI systems, collected with Soundings.",
        "license": state.spec.release.licence,
        "version": f"{state.version}.0.0",
        "isLiveDataset": False,
        "citeAs": f"{state.study.title} ({state.study.slug}), collected with Soundings {__version__}",
        **_dates(state),
        **_responsible(state, figures),
        "distribution": [_file(path, listed[path], file_type) for _, _, path in sets],
        "recordSet": [_records(w, split, path) for w, split, path in sets],
    }


def _dates(state: State) -> dict[str, str]:
    """The day of the last answer stands for the day of publication: the clock must not stand in a hashed file."""
    return {} if state.survey.last_day is None else {"datePublished": state.survey.last_day}


def _file(path: str, entry: dict[str, Any], file_type: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "contentSize": f"{entry['bytes']} B",
        "encodingFormat": _ENCODING[file_type],
        "sha256": entry["sha256"],
    }


def _records(one: Written, split: str, path: str) -> dict[str, Any]:
    name = f"{one.format.name}-{split}"
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": one.format.title,
        "field": [_field(column, name, path) for column in one.schema],
    }


def _field(column: Column, name: str, path: str) -> dict[str, Any]:
    """One column; the keys of a list of structs are fields below it, read from the same column."""
    told: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{name}/{column.name}",
        "name": column.name,
        "description": column.words,
    }
    source = {"fileObject": {"@id": path}, "extract": {"column": column.name}}
    kind = column.kind
    if isinstance(kind, Many):
        told |= {"isArray": True, "arrayShape": "-1"}
        if isinstance(kind.of, Struct):
            told["subField"] = [_sub_field(f, told["@id"], source) for f in kind.of.fields]
            return told
        kind = kind.of
    told["source"] = source
    if isinstance(kind, Scalar):
        told["dataType"] = _TYPES[kind.name]
    return told


def _sub_field(column: Column, above: str, source: dict[str, Any]) -> dict[str, Any]:
    kind = column.kind
    return {
        "@type": "cr:Field",
        "@id": f"{above}/{column.name}",
        "name": column.name,
        "dataType": _TYPES[kind.name] if isinstance(kind, Scalar) else "sc:Text",
        "source": {**source, "transform": {"jsonPath": column.name}},
    }


def _responsible(state: State, figures: dict[str, Any]) -> dict[str, Any]:
    """What the Responsible AI vocabulary asks, as far as it is known."""
    spec, votes = state.spec, figures["votes_per_pair"]
    told: dict[str, Any] = {
        "rai:dataCollection": "People compared two answers to the same request in Soundings or in imported votes.",
        "rai:dataCollectionType": ["Manual Human Curator", "Crowdsourcing"],
        "rai:dataAnnotationProtocol": f"{spec.question.text} Guidelines: {spec.guidelines.strip() or 'none given'}",
        "rai:dataAnnotationPlatform": ["Soundings"],
        "rai:dataAnnotationAnalysis": _analysis(figures),
        "rai:annotatorDemographics": _demographics(figures),
        "rai:personalSensitiveInformation": (
            f"No names or addresses. Attributes shared by fewer than {FEWEST_HOLDERS} people and groups of fewer than "
            f"{FEWEST_IN_GROUP} are left out; free text is {'included' if state.options.include_text else 'not included'}."
        ),
        "rai:dataBiases": (
            f"Share of left choices: {_told(figures['left_share'])}. "
            f"Share of decided pairs whose longer answer was chosen: {_told(figures['lengths']['longer_chosen'])}."
        ),
        "rai:dataLimitations": "The people who took part are no sample of a population.",
        "rai:dataUseCases": "Training and testing reward models; studying agreement and disagreement.",
        "rai:dataManipulationProtocol": (
            f"Labels by the rules {', '.join(state.options.rules)}; see manifest.json for formulas and settings."
        ),
        "rai:dataReleaseMaintenancePlan": "Answers of people who withdraw are in no later export; use the newest.",
        "rai:machineAnnotationTools": "Simulated people" if state.study.simulated else "none",
    }
    if votes:
        told["rai:annotationsPerItem"] = (
            f"{votes['least']} to {votes['most']}, median {votes['median']:g} a pair"
        )
    if state.survey.first_day is not None:
        told["rai:dataCollectionTimeframe"] = [state.survey.first_day, state.survey.last_day]
    return told


def _analysis(figures: dict[str, Any]) -> str:
    return f"Krippendorff's alpha (nominal): {_told(figures['krippendorff_alpha'])}."


def _demographics(figures: dict[str, Any]) -> str:
    people = f"{figures['people_counted']} people"
    named = [f"{g['group']}: {g['people']}" for g in figures["groups"] or [] if g["group"] is not None]
    return f"{people} ({', '.join(named)})" if named else people


def _told(figure: float | None) -> str:
    return "not known" if figure is None else f"{figure:.3f}"
