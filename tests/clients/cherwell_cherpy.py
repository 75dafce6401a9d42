"""cherpy 0.7.2 against the stand-in: doubled slashes, "true" for true, empty strings for lists, unknown members.

    python cherwell_cherpy.py http://127.0.0.1:PORT
"""

import csv
import sys
import tempfile
from pathlib import Path

import yaml
from cherpy import api
from cherpy.auth import config_from_file
from cherpy.objects import CherwellObjectRecord, CherwellRecordSet, NameValueExtractor, SearchFilter
from loguru import logger

from stand_in import StandIn, refused, run, wait_until

CLIENT = "cherpy 0.7.2"

site = StandIn(sys.argv[1])
folder = Path(tempfile.mkdtemp(prefix="cherpy-"))
found = {}


def client(password=None):
    """A client as its command line makes one: from a configuration file."""
    configuration = folder / "cherpy.yml"
    login = {
        "host": site.base_url,
        "user": site.username,
        "password": password or site.password,
        "client_id": site.client_id,
    }
    configuration.write_text(yaml.safe_dump(login))
    return config_from_file(configuration)


def csv_file(name, columns, *rows):
    path = folder / name
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([columns, *rows])
    return str(path)


def search(*filters, **more):
    answer = api.search_object(
        found["client"], object_name="Incident", filters=[SearchFilter(text=text) for text in filters], **more
    )
    assert answer.status_code == 200, answer.text
    return answer


def wrong_password_is_the_clients_own_error():
    error = refused(ValueError, client("not-it").login)
    assert "Login Failed with status code: 400" in str(error), error


def log_in():
    found["client"] = client()
    found["client"].login()
    assert not found["client"].expired and found["client"].expires_in == 1199
    assert site.counters()["logins"] == 1


def look_up_object_schema_and_fields():
    found["incident"] = api.get_object_info(found["client"], "incident")
    assert found["incident"].name == "Incident" and found["incident"].major is True
    assert api.get_object_summary(found["client"], "Incident")["busObId"] == found["incident"].busObId
    refused(api.ObjectNotFoundError, api.get_object_summary, found["client"], "NoSuchObject")
    schema = api.get_object_schema(found["client"], "Incident", include_relationships=True)
    assert schema.get_fieldId("DedupeKey").startswith(f"BO:{found['incident'].busObId},FI:")
    assert "Incident Owns Journals" in {entry["displayName"] for entry in schema.relationships}
    teams = found["client"].get_teams().json()["teams"]
    assert teams and all(team["teamName"] for team in teams)


def create_from_a_file():
    """A batch of three, one of them bad."""
    path = csv_file(
        "create.csv",
        ["ShortDescription", "TicketKind", "OriginId", "DedupeKey"],
        ["Falla de línea 5512345678", "Falla de Linea", "batch-1", "K|1"],
        ["Falla de línea 5512345679", "x" * 65, "batch-2", "K|2"],
        ["Falla de línea 5512345680", "Falla de Linea", "batch-3", "K|3"],
    )
    answers, errors = api.update_object_from_file(found["client"], path, "Incident")
    results = answers[0].json()["responses"]
    assert [result["hasError"] for result in results] == [False, True, False], results
    assert len(errors) == 1 and "ValueNotValid" in errors[0], errors
    assert site.counters()["largest_batch"] == 3
    stored = {ticket["fields"]["OriginId"]: ticket for ticket in site.tickets().values()}
    assert set(stored) == {"batch-1", "batch-3"}
    assert stored["batch-1"]["fields"]["ShortDescription"] == "Falla de línea 5512345678"
    found["results"] = results


def search_finds_them():
    """Without fields the client sends an empty text for the list, and empty texts for all that it was not told."""
    whole = search("OriginId eq batch-1")
    records = list(CherwellRecordSet(whole))
    assert [record.busObRecId for record in records] == [found["results"][0]["busObRecId"]]
    assert records[0].DedupeKey == "K|1" and records[0].ShortDescription == "Falla de línea 5512345678"
    some = search("DedupeKey startswith K|", "TicketKind eq Falla de Linea", fields=["OriginId", "Status"])
    rows = NameValueExtractor(some).create_dict()
    assert sorted(row["OriginId"] for row in rows) == ["batch-1", "batch-3"], rows
    assert all(set(row) == {"OriginId", "Status"} for row in rows), rows
    assert search("OriginId eq batch-2").json()["totalRows"] == 0


def search_without_filters_gives_every_row():
    """The client then sends one filter and one sorting, both empty."""
    answer = search().json()
    assert answer["totalRows"] == 2 and len(answer["businessObjects"]) == 2, answer


def update_from_a_file():
    rec_id, public_id = found["results"][2]["busObRecId"], found["results"][2]["busObPublicId"]
    path = csv_file("update.csv", ["RecID", "WorkOrderNumber"], [rec_id, "WO60001"])
    answers, errors = api.update_object_from_file(found["client"], path, "Incident")
    assert errors == [] and answers[0].json()["responses"][0]["busObRecId"] == rec_id
    read = (
        found["client"].get(f"api/V1/getbusinessobject/busobid/{found['incident'].busObId}/publicid/{public_id}").json()
    )
    after = {field["name"]: field["value"] for field in read["fields"]}
    assert after["WorkOrderNumber"] == "WO60001" and after["DedupeKey"] == "K|3", after


def missing_record_is_not_found():
    """The client hands the answer to its user."""
    answer = found["client"].get(f"api/V1/getbusinessobject/busobid/{found['incident'].busObId}/publicid/999999")
    assert answer.status_code == 500 and answer.json()["errorCode"] == "RECORDNOTFOUND", answer.text
    path = csv_file("gone.csv", ["RecID", "WorkOrderNumber"], ["94" + "0" * 40, "WO60002"])
    _, errors = api.update_object_from_file(found["client"], path, "Incident")
    assert len(errors) == 1 and "RECORDNOTFOUND" in errors[0], errors


def pages_and_batches_of_a_file():
    """A file of seven rows goes out in batches of three; a search comes back in pages of three."""
    before = site.counters()["operations"]["save_batch"]["requests"]
    path = csv_file("seven.csv", ["OriginId", "DedupeKey"], *([f"page-{n}", "paged"] for n in range(7)))
    answers, errors = api.update_object_from_file(found["client"], path, "Incident", batch=3)
    assert errors == [] and [len(answer.json()["responses"]) for answer in answers] == [3, 3, 1]
    assert site.counters()["operations"]["save_batch"]["requests"] == before + 3
    schema = api.get_object_schema(found["client"], "Incident")
    sorting = [{"fieldId": schema.get_fieldId("RecID"), "sortDirection": 1}]
    pages = [
        search("DedupeKey eq paged", fields=["OriginId"], pageSize=3, pageNumber=number, sorting=sorting)
        for number in (0, 4, 7)
    ]
    rows = [NameValueExtractor(page).create_dict() for page in pages]
    assert [len(page) for page in rows] == [3, 3, 1]
    assert sorted(row["OriginId"] for page in rows for row in page) == [f"page-{n}" for n in range(7)], rows


def note_by_related_save():
    journal = api.get_object_details(found["client"], "Journal")
    note_type = {entry["name"]: entry["busObId"] for entry in journal.groupSummaries}["Journal - Note"]
    schema = api.get_object_schema(found["client"], "Incident", include_relationships=True)
    parent = {
        "parentBusObId": found["incident"].busObId,
        "parentBusObPublicId": found["results"][0]["busObPublicId"],
        "relationshipId": {entry["displayName"]: entry for entry in schema.relationships}["Incident Owns Journals"][
            "relationshipId"
        ],
    }
    text = "Nuevo evento recibido [ref:batch-1/1]"
    fields = api.create_field_template(journal, {"JournalTypeID": note_type, "Details": text})
    saved = found["client"].post(
        "api/V1/saverelatedbusinessobject", {"busObId": journal.busObId, "fields": fields, "persist": "true", **parent}
    )
    assert saved.status_code == 200 and saved.json()["busObPublicId"], saved.text
    (ticket,) = [ticket for ticket in site.tickets().values() if ticket["fields"]["OriginId"] == "batch-1"]
    assert [note["fields"]["Details"] for note in ticket["notes"]] == [text], ticket["notes"]


def expired_token_is_refreshed():
    """The client compares `.expires` with its clock before each call, and refreshes."""
    with site.settings(token_life_s=1):
        found["client"] = client()
        found["client"].login()
    old = found["client"].access_token
    before = site.counters()
    wait_until("the token expires", lambda: found["client"].expired)
    answer = found["client"].get("api/V1/getbusinessobjectsummary/busobname/Incident")
    assert answer.status_code == 200 and answer.json()[0]["name"] == "Incident", answer.text
    after = site.counters()
    assert (after["refreshes"], after["logins"]) == (before["refreshes"] + 1, before["logins"]), after
    assert found["client"].access_token != old and not found["client"].expired


def delete_a_record():
    record = CherwellObjectRecord(found["incident"].busObId, found["results"][2]["busObRecId"])
    (answer,) = api.delete_object(found["client"], [record])
    assert answer.status_code == 200, answer.text
    assert search("OriginId eq batch-3").json()["totalRows"] == 0


# The client writes its log to the standard error.
logger.remove()
run(
    CLIENT,
    [
        wrong_password_is_the_clients_own_error,
        log_in,
        look_up_object_schema_and_fields,
        create_from_a_file,
        search_finds_them,
        search_without_filters_gives_every_row,
        update_from_a_file,
        missing_record_is_not_found,
        pages_and_batches_of_a_file,
        note_by_related_save,
        expired_token_is_refreshed,
        delete_a_record,
    ],
)
