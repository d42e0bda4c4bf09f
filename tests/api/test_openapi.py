"""The description of the API is true: generated requests get described answers, and no 5xx."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.kit.clock import utc_now
from app.kit.settings import Settings
from app.main import create_app
from app.people import writes as people
from tests import factories

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def described(sqlite_template, tmp_path):
    """The API's description, bound to an application that holds a study."""
    import shutil

    file = tmp_path / "api.sqlite3"
    shutil.copy(sqlite_template, file)
    app = create_app(
        Settings(
            database_url=f"sqlite:///{file}", data_dir=tmp_path / "data", embedded_worker=False, log_level="ERROR",
            _env_file=None,
        )
    )  # fmt: skip
    with app.state.database.write() as session:
        made = factories.study(session, now=utc_now(), slug="advice", pairs=5)
        researcher = people.issue_token(session, researcher_id=made.owner_id, now=utc_now())
        person = factories.annotator(session, made.study_id, now=utc_now())
        annotator = people.issue_token(session, annotator_id=person.id, now=utc_now())
    return schemathesis.openapi.from_asgi("/api/openapi.json", app), {
        "researcher": researcher,
        "annotator": annotator,
    }


@pytest.mark.filterwarnings("ignore")
def test_answers_are_as_described(described):
    schema, tokens = described
    for result in schema.get_all_operations():
        operation = result.ok()
        answering = "answering" in operation.definition.raw.get("tags", [])
        check_operation(operation, tokens["annotator" if answering else "researcher"])


def check_operation(operation, token):
    """Send what the description allows, and more, and hold the answers against it."""

    @given(case=operation.as_strategy())
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def run(case):
        if "slug" in (case.path_parameters or {}):
            case.path_parameters["slug"] = "advice"
        response = case.call(headers={"Authorization": f"Bearer {token}"})
        case.validate_response(response, checks=CHECKS)

    run()
