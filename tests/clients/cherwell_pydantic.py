"""cherwell-pydantic-api 0.0.5 against the stand-in: its typed interface, which refuses what does not fit its types, and
the models that it writes from the schemas of a site.

    python cherwell_pydantic.py http://127.0.0.1:PORT
"""

import asyncio
import importlib
import os
import sys
import tempfile
import warnings
from pathlib import Path

import cherwell_pydantic_api.types
import httpx
from pydantic import SecretStr, ValidationError
from pydantic_core import core_schema

from stand_in import StandIn, refused, run, wait_until

CLIENT = "cherwell-pydantic-api 0.0.5"
NOBODY = "94" + "0" * 40

site = StandIn(sys.argv[1])
folder = Path(tempfile.mkdtemp(prefix="cherwell-pydantic-"))
# Where the client looks for its settings. It would also read a file `cherwell.env` in the working folder.
os.chdir(folder)
os.environ.update(
    CHERWELL_BASE_URL=site.base_url,
    CHERWELL_CLIENT_ID=site.client_id,
    CHERWELL_USERNAME=site.username,
    CHERWELL_PASSWORD=site.password,
    CHERWELL_TIMEOUT="60",
)


def use_the_id_types():
    """Lets pydantic use the client's id types as what they are: functions that take lower-case hex and refuse the rest.

    They pose as `NewType`, which was a function up to Python 3.9. On newer ones no version of pydantic knows them, and
    the client can read no answer at all. This changes nothing in what it sends.
    """
    for name in ("BusObID", "BusObRecID", "RelationshipID", "ShortFieldID", "BusObIdentifier", "FieldIdentifier"):
        check = getattr(cherwell_pydantic_api.types, name)
        text = core_schema.no_info_after_validator_function(check, core_schema.str_schema(strict=True))
        check.__get_pydantic_core_schema__ = lambda source, handler, text=text: text


use_the_id_types()

from cherwell_pydantic_api._generated.api.models.Trebuchet.WebApi.DataContracts import (
    BusinessObject,
    Searches,
)  # noqa: E402
from cherwell_pydantic_api.bo.modelgen.model_generator import PydanticModelGenerator  # noqa: E402
from cherwell_pydantic_api.instance import Instance  # noqa: E402
from cherwell_pydantic_api.settings import Settings  # noqa: E402
from cherwell_pydantic_api.types import CherwellAPIError, SaveBusinessObjectError  # noqa: E402

loop = asyncio.new_event_loop()
instance = Instance.use()
connection = instance.connection
found = {}


def wait(coroutine):
    return loop.run_until_complete(coroutine)


def waiting(method):
    """The asynchronous `method` as a plain function."""

    def call(*arguments, **named):
        return wait(method(*arguments, **named))

    call.__name__ = method.__name__
    return call


def item(schema, name, value):
    return BusinessObject.FieldTemplateItem(dirty=True, fieldId=schema[name].fieldId, name=name, value=value)


def new_incident(**values):
    return BusinessObject.SaveRequest(
        busObId=found["incident"],
        fields=[item(found["fields"], name, value) for name, value in values.items()],
        persist=True,
    )


def values(record):
    return {entry.name: entry.value for entry in record.fields}


def wrong_password_is_the_clients_own_error():
    error = refused(
        httpx.HTTPStatusError,
        waiting(connection.Token),
        grant_type="password",
        client_id=SecretStr(site.client_id),
        username=site.username,
        password=SecretStr("not-it"),
        auth_mode="Internal",
    )
    assert error.response.status_code == 400 and error.response.json()["error"] == "invalid_grant", error.response.text


def log_in():
    assert wait(instance.authenticate()) is True
    info = wait(instance.get_service_info())
    assert info.apiVersion == "10.5.0" and info.csmVersion and info.systemDateTime, info
    assert site.counters()["logins"] == 1


def look_up_every_object_and_schema():
    """The registry checks each answer, and each schema against what it was told of the object before."""
    summaries = [
        summary
        for kind in ("Major", "Supporting", "Lookup", "Groups")
        for summary in wait(instance.get_bo_summaries(kind))
    ]
    names = {}
    for summary in summaries:
        for entry in (summary, *(summary.groupSummaries or [])):
            schema = wait(instance.get_bo_schema(busobid=entry.busObId))
            assert schema.hasError is False and schema.name == entry.name, schema
            names[entry.name] = entry.busObId
    assert {"Incident", "Journal", "Journal - Note", "WorkOrder", "Customer"} <= set(names), names
    assert instance.bo.incident.busobid == names["Incident"] == wait(instance.get_busobid("incident"))
    assert wait(instance.get_busobid("NoSuchObject")) is None
    found["incident"], found["objects"] = names["Incident"], names
    found["schema"] = instance.bo.get_schema(names["Incident"])
    found["fields"] = {field.name: field for field in found["schema"].fieldDefinitions}
    found["relationships"] = {entry.displayName: entry for entry in found["schema"].relationships.values()}


def template_in_both_forms_of_ids():
    for form in ("short", "long"):
        with site.settings(template_ids=form):
            template = wait(
                connection.GetBusinessObjectTemplateV1(
                    BusinessObject.TemplateRequest(busObId=found["incident"], includeAll=True, includeRequired=True)
                )
            )
        ids = {field.name: field.fieldId for field in template.fields}
        full = found["fields"]["DedupeKey"].fieldId
        assert ids["DedupeKey"] == (full if form == "long" else full.split("FI:")[1]), ids


def models_written_from_the_schemas():
    generator = PydanticModelGenerator(instance)
    package = folder / "site_models"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "__base.py").write_text(generator.generate_base())
    for name in ("Incident", "WorkOrder", "Customer"):
        schema = instance.bo.get_schema(found["objects"][name])
        (package / f"{schema.identifier}.py").write_text(generator.generate_model(schema))
    sys.path.insert(0, str(folder))
    found["Incident"] = importlib.import_module("site_models.incident").Incident
    found["WorkOrder"] = importlib.import_module("site_models.workorder").WorkOrder
    assert found["Incident"]._ModelData.states[0] == found["schema"].states.split(",")[0]


def create_search_and_update_by_a_model():
    model = found["Incident"]
    made = model(
        ShortDescription="Falla de línea 5512345678", TicketKind="Falla de Linea", OriginId="row-1", DedupeKey="K|1"
    )
    rec_id = wait(made.save())
    wait(made.update())
    assert made.RecID == rec_id and made.Status == "New" and made.DedupeKey == "K|1", made
    assert made.CreatedDateTime is not None and made.CreatedDateTime.year >= 2025, made.CreatedDateTime
    hits = wait(model.search(OriginId="row-1"))
    assert [hit.RecID for hit in hits] == [rec_id]
    assert wait(model.search(OriginId="row-1", Status="Closed")) == []
    assert len(wait(model.search(ShortDescription=("startswith", "Falla de l")))) == 1
    made.WorkOrderNumber = "WO60001"
    wait(made.save())
    again = wait(model.from_api(made.IncidentID))
    assert again.WorkOrderNumber == "WO60001" and again.DedupeKey == "K|1", again
    assert site.tickets()[made.IncidentID]["fields"]["WorkOrderNumber"] == "WO60001"
    found["record"] = again


def values_of_other_cultures():
    """What a user of another culture sees is no en-US date: the model refuses it, as it should."""
    with site.settings(culture="de-DE"):
        # Culture belongs to the session, so this needs one that began under it.
        wait(instance.authenticate())
        read = wait(instance.get_bo(found["incident"], busobrecid=found["record"].RecID))
        assert "." in values(read)["CreatedDateTime"] and "M" not in values(read)["CreatedDateTime"], values(read)
    wait(instance.authenticate())
    read = wait(instance.get_bo(found["incident"], busobrecid=found["record"].RecID))
    assert values(read)["CreatedDateTime"].endswith("M"), values(read)


def invalid_value_is_the_clients_own_error():
    record = found["record"]
    # The model knows the longest text from the schema. Which states there are it leaves to the site.
    refused(ValidationError, setattr, record, "TicketKind", "x" * 65)
    record.Status = "Nowhere"
    error = refused(SaveBusinessObjectError, waiting(record.save))
    problem = error.extras["SaveResponse"].fieldValidationErrors
    assert [entry.errorCode for entry in problem] == ["ValueNotValid"], problem
    assert problem[0].fieldId.endswith(found["fields"]["Status"].short_field_id), problem
    assert site.tickets()[record.IncidentID]["state"] == "New"


def missing_record_is_the_clients_own_not_found():
    for named in ({"publicid": "999999"}, {"busobrecid": NOBODY}):
        error = refused(CherwellAPIError, waiting(found["Incident"].from_api), **named)
        assert error.errorCode == "RECORDNOTFOUND" and error.httpStatusCode == 500, error


def save_batch_of_three_with_one_bad():
    gone = new_incident(WorkOrderNumber="WO60009")
    gone.busObRecId = NOBODY
    request = BusinessObject.BatchSaveRequest(
        saveRequests=[new_incident(OriginId="batch-1"), gone, new_incident(OriginId="batch-3")], stopOnError=False
    )
    answer = wait(connection.SaveBusinessObjectBatchV1(request))
    assert [result.hasError for result in answer.responses] == [False, True, False], answer
    assert answer.responses[1].busObRecId is None and answer.responses[1].errorCode == "RECORDNOTFOUND", answer
    for number, place in ((0, "batch-1"), (2, "batch-3")):
        hits = wait(found["Incident"].search(OriginId=place))
        assert [hit.RecID for hit in hits] == [answer.responses[number].busObRecId]
    read = wait(
        connection.GetBusinessObjectBatchV1(
            BusinessObject.BatchReadRequest(
                readRequests=[
                    BusinessObject.ReadRequest(busObId=found["incident"], busObRecId=rec_id)
                    for rec_id in (answer.responses[0].busObRecId, NOBODY)
                ]
            )
        )
    )
    assert values(read.responses[0])["OriginId"] == "batch-1"
    assert [result.hasError for result in read.responses] == [False, True], read


def pages():
    """Both readings of `pageNumber`, and a site that gives fewer rows than asked for."""
    requests = [new_incident(OriginId=f"page-{n}", DedupeKey="paged") for n in range(7)]
    wait(connection.SaveBusinessObjectBatchV1(BusinessObject.BatchSaveRequest(saveRequests=requests)))
    for mode, asked, numbers in (("row", 3, (1, 4, 7)), ("page", 3, (1, 2, 3)), ("row", 100, (1, 4, 7))):
        seen, counts = [], []
        with site.settings(page_mode=mode, max_page_size=3):
            for number in numbers:
                answer = wait(
                    connection.GetSearchResultsAdHocV1(
                        Searches.SearchResultsRequest(
                            busObId=found["incident"],
                            fields=[found["fields"]["OriginId"].fieldId],
                            filters=[
                                Searches.FilterInfo(
                                    fieldId=found["fields"]["DedupeKey"].fieldId, operator="eq", value="paged"
                                )
                            ],
                            sorting=[Searches.SortInfo(fieldId=found["fields"]["RecID"].fieldId, sortDirection=1)],
                            pageNumber=number,
                            pageSize=asked,
                        )
                    )
                )
                # Versions that count pages do not say whether there is more.
                more = None if mode == "page" else number != numbers[-1]
                assert answer.totalRows == 7 and answer.hasMoreRecords is more, answer
                counts.append(len(answer.businessObjects))
                seen += [values(record)["OriginId"] for record in answer.businessObjects]
        assert counts == [3, 3, 1], (mode, counts)
        assert sorted(seen) == [f"page-{n}" for n in range(7)], (mode, seen)


def note_by_related_save():
    record, objects = found["record"], found["objects"]
    journal = {field.name: field for field in instance.bo.get_schema(objects["Journal"]).fieldDefinitions}
    parent = {
        "parentBusObId": found["incident"],
        "parentBusObRecId": record.RecID,
        "relationshipId": found["relationships"]["Incident Owns Journals"].relationshipId,
    }
    text = "Nuevo evento recibido [ref:row-1/1]"
    saved = wait(
        connection.SaveRelatedBusinessObjectV1(
            BusinessObject.RelatedSaveRequest(
                busObId=objects["Journal"],
                fields=[item(journal, "JournalTypeID", objects["Journal - Note"]), item(journal, "Details", text)],
                persist=True,
                **parent,
            )
        )
    )
    assert saved.hasError is False and saved.parentBusObPublicId == record.IncidentID and saved.busObPublicId, saved
    answer = wait(
        connection.GetRelatedBusinessObjectByRequestV1(
            Searches.RelatedBusinessObjectRequest(
                allFields=False, useDefaultGrid=False, fieldsList=[journal["Details"].fieldId], **parent
            )
        )
    )
    assert answer.totalRecords == 1
    assert [(note.busObRecId, values(note)["Details"]) for note in answer.relatedBusinessObjects] == [
        (saved.busObRecId, text)
    ]
    activities = wait(connection.GetActivitiesV1(found["incident"], record.RecID, pageSize=100, activityType="Notes"))
    assert [activity.body for activity in activities] == [text], activities


def link_a_work_order():
    order = found["WorkOrder"](ExternalRef="row-1", Title="Falla de línea 5512345678")
    wait(order.save())
    record = found["record"]
    wait(record.link_related(order, keyword="work orders"))
    parent = {
        "parentbusobid": found["incident"],
        "parentbusobrecid": record.RecID,
        "relationshipid": found["relationships"]["Incident Owns Work Orders"].relationshipId,
    }
    related = wait(connection.GetRelatedBusinessObjectV1(**parent))
    assert [entry.busObRecId for entry in related.relatedBusinessObjects] == [order.RecID], related
    again = refused(CherwellAPIError, waiting(record.link_related), order, keyword="work orders")
    assert again.errorCode == "DuplicateEntry", again
    child = {"busobid": found["objects"]["WorkOrder"], "busobrecid": order.RecID}
    assert not wait(connection.UnLinkRelatedBusinessObjectByRecIdV1(**parent, **child)).hasError
    assert wait(connection.GetRelatedBusinessObjectV1(**parent)).relatedBusinessObjects == []


def expired_token_is_refreshed():
    client_id = SecretStr(site.client_id)
    with site.settings(token_life_s=1):
        pair = wait(
            connection.Token(
                grant_type="password", client_id=client_id, username=site.username, password=SecretStr(site.password)
            )
        )
        assert pair.token_type == "bearer", pair
        connection._client.headers["Authorization"] = f"Bearer {pair.access_token}"

        def is_refused():
            try:
                wait(instance.get_busobid("Incident"))
            except httpx.HTTPStatusError as error:
                assert error.response.status_code == 401, error
                return True
            return False

        wait_until("the token expires", is_refused)
    fresh = wait(connection.Token(grant_type="refresh_token", client_id=client_id, refresh_token=pair.refresh_token))
    assert {fresh.access_token, fresh.refresh_token}.isdisjoint({pair.access_token, pair.refresh_token})
    assert fresh.expires_in == 1199 and site.counters()["refreshes"] == 1
    connection._client.headers["Authorization"] = f"Bearer {fresh.access_token}"
    assert (
        wait(instance.get_bo(found["incident"], busobrecid=found["record"].RecID)).busObRecId == found["record"].RecID
    )
    stale = refused(
        httpx.HTTPStatusError,
        waiting(connection.Token),
        grant_type="refresh_token",
        client_id=client_id,
        refresh_token=pair.refresh_token,
    )
    assert stale.response.status_code == 400, stale


def log_out():
    wait(instance.logout())
    error = refused(httpx.HTTPStatusError, waiting(instance.get_busobid), "Incident")
    assert error.response.status_code == 401 and error.response.headers["WWW-Authenticate"] == "Bearer", error


# The client and what it writes use names that newer versions of pydantic deprecate.
warnings.simplefilter("ignore")
run(
    CLIENT,
    [
        wrong_password_is_the_clients_own_error,
        log_in,
        look_up_every_object_and_schema,
        template_in_both_forms_of_ids,
        models_written_from_the_schemas,
        create_search_and_update_by_a_model,
        values_of_other_cultures,
        invalid_value_is_the_clients_own_error,
        missing_record_is_the_clients_own_not_found,
        save_batch_of_three_with_one_bad,
        pages,
        note_by_related_save,
        link_a_work_order,
        expired_token_is_refreshed,
        log_out,
    ],
)
