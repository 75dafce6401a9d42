"""pycherwell 1.0.9 against the stand-in: its helper class `CherwellClient`, and the interface generated from the
vendor's description of version 9.

    python cherwell_pycherwell.py http://127.0.0.1:PORT
"""

import logging
import sys
import tempfile
from pathlib import Path

import pycherwell
from pycherwell.app_client import CherwellClient

from stand_in import StandIn, refused, run, wait_until

CLIENT = "pycherwell 1.0.9"
NOBODY = "94" + "0" * 40

site = StandIn(sys.argv[1])
folder = Path(tempfile.mkdtemp(prefix="pycherwell-"))
found = {}


def client(password=None, cache="cache"):
    """The helper class as its command line sets it up. It keeps tokens and schemas beside its configuration."""
    home = folder / cache
    home.mkdir(exist_ok=True)
    host, port = site.host_and_port
    configuration = home / "config"
    configuration.write_text(
        "[default]\n"
        f"client_id = {site.client_id}\nauth_mode = Internal\nusername = {site.username}\n"
        f"password = {password or site.password}\nprotocol = http\n"
        f"host = {host}\nport = {port}\nbasepath = {site.base_path}\n"
    )
    configuration.chmod(0o600)
    made = CherwellClient()
    made.set_config_file(str(configuration))
    return made


def interface(kind):
    """One of the generated interfaces, with the token that the helper class keeps."""
    return kind(found["client"].api_client)


def objects():
    return interface(pycherwell.BusinessObjectApi)


def field(name):
    """A field's id as the schema has it."""
    return found["schema"][name].field_id


def item(name, value):
    return pycherwell.FieldTemplateItem(dirty=True, field_id=field(name), name=name, value=value)


def new_incident(**values):
    return pycherwell.SaveRequest(
        bus_ob_id=found["incident"].bus_ob_id,
        fields=[item(name, value) for name, value in values.items()],
        persist=True,
    )


def search(page_number=None, page_size=None, **filters):
    return interface(pycherwell.SearchesApi).searches_get_search_results_ad_hoc_v1(
        pycherwell.SearchResultsRequest(
            bus_ob_id=found["incident"].bus_ob_id,
            filters=[
                pycherwell.FilterInfo(field(name), "eq", value) for name, values in filters.items() for value in values
            ],
            fields=[field("OriginId"), field("Status")],
            sorting=[pycherwell.SortInfo(field("RecID"), 1)],
            page_number=page_number,
            page_size=page_size,
        )
    )


def values(record):
    return {entry.name: entry.value for entry in record.fields}


def wrong_password_is_the_clients_own_error():
    error = refused(Exception, client(password="not-it", cache="refused").get_service_info)
    assert error.args[0] == "client" and error.args[1].startswith("400: Bad Request"), error.args
    assert "invalid_grant" in error.args[1], error.args
    assert site.counters()["refused_logins"] == 1


def log_in():
    found["client"] = client()
    info = found["client"].get_service_info()["service_info"]
    assert info["api_version"] == "10.5.0" and info["csm_version"], info
    assert info["system_date_time"].startswith("20"), info
    assert site.counters()["logins"] == 1


def look_up_objects_schema_and_template():
    summaries = objects().business_object_get_business_object_summary_by_name_v1("incident")
    assert [entry.name for entry in summaries] == ["Incident"], summaries
    found["incident"] = summaries[0]
    assert "In Progress" in found["incident"].states.split(",")
    assert objects().business_object_get_business_object_summary_by_name_v1("NoSuchObject") == []
    schema = objects().business_object_get_business_object_schema_v1(
        found["incident"].bus_ob_id, includerelationships=True
    )
    found["schema"] = {entry.name: entry for entry in schema.field_definitions}
    assert found["schema"]["DedupeKey"].maximum_size == "255"
    relationships = {entry.display_name: entry for entry in schema.relationships}
    found["relationship"] = relationships["Incident Owns Journals"]
    found["work orders"] = relationships["Incident Owns Work Orders"]
    template = objects().business_object_get_business_object_template_v1(
        pycherwell.TemplateRequest(bus_ob_id=found["incident"].bus_ob_id, include_all=True, include_required=True)
    )
    assert {entry.name for entry in template.fields} >= {"ShortDescription", "TicketKind"}
    assert {entry.display_name for entry in template.fields} >= {"Customer ID"}


def teams_and_requestors_by_the_helper():
    assert all(team["team_name"] and team["team_id"] for team in found["client"].get_teams())
    customers = found["client"].get_requestors({"search_conditions": ["RecID:contains:9"]})
    assert len(customers) == 1 and customers[0]["bus_ob_rec_id"], customers
    names = {entry["name"]: entry["value"] for entry in customers[0]["fields"]}
    found["customer"] = names["FullName"]


def create_incident_by_the_helper():
    answer = found["client"].create_incident(
        {
            "create_as": [f"FullName:eq:{found['customer']}"],
            "create_fields": [
                "ShortDescription:Falla de línea 5512345678",
                "TicketKind:Falla de Linea",
                "OriginId:helper-1",
            ],
        }
    )
    assert "errors" not in answer and answer["has_error"] is False, answer
    stored = site.tickets()[answer["bus_ob_public_id"]]
    assert stored["busObRecId"] == answer["bus_ob_rec_id"]
    # The client gives a description of its own, and ids of the form `BO:x,FI:BO:x,FI:y` if the template's are long.
    assert stored["fields"]["Description"] == "Falla de línea 5512345678", stored
    found["helper's"] = answer["bus_ob_public_id"]


def create_with_the_ids_of_a_long_template():
    with site.settings(template_ids="long"):
        helper = client(cache="long-template")
        answer = helper.create_incident(
            {
                "create_as": [f"FullName:eq:{found['customer']}"],
                "create_fields": ["ShortDescription:Twice prefixed", "OriginId:helper-2"],
            }
        )
    assert site.tickets()[answer["bus_ob_public_id"]]["fields"]["OriginId"] == "helper-2", answer


def create_and_read():
    saved = objects().business_object_save_business_object_v1(
        new_incident(
            ShortDescription="SNR USSG-1041 low", TicketKind="SNR", DedupeKey="SNR|USSG-1041", OriginId="row-1"
        )
    )
    assert (
        saved.has_error is False and saved.field_validation_errors == [] and len(saved.bus_ob_rec_id) in (32, 42)
    ), saved
    found["saved"] = saved
    for record in (
        objects().business_object_get_business_object_by_rec_id_v1(found["incident"].bus_ob_id, saved.bus_ob_rec_id),
        objects().business_object_get_business_object_by_public_id_v1(
            found["incident"].bus_ob_id, saved.bus_ob_public_id
        ),
    ):
        assert record.bus_ob_rec_id == saved.bus_ob_rec_id
        assert values(record)["DedupeKey"] == "SNR|USSG-1041" and values(record)["Status"] == "New", values(record)


def search_finds_it():
    answer = search(OriginId=["row-1"], Status=["New", "Pending"])
    assert [record.bus_ob_rec_id for record in answer.business_objects] == [found["saved"].bus_ob_rec_id]
    assert answer.total_rows == 1 and values(answer.business_objects[0])["OriginId"] == "row-1"
    assert search(OriginId=["row-1"], Status=["Closed"]).total_rows == 0
    by_helper = found["client"].get_incidents(
        {"search_conditions": ["OriginId:eq:row-1"], "search_fields": ["IncidentID"]}
    )
    assert [record["bus_ob_public_id"] for record in by_helper] == [found["saved"].bus_ob_public_id]


def save_batch_of_three_with_one_bad():
    answer = objects().business_object_save_business_object_batch_v1(
        pycherwell.BatchSaveRequest(
            save_requests=[
                new_incident(OriginId="batch-1", TicketKind="SNR"),
                new_incident(OriginId="batch-2", TicketKind="x" * 65),
                new_incident(OriginId="batch-3", TicketKind="SNR"),
            ],
            stop_on_error=False,
        )
    )
    assert [result.has_error for result in answer.responses] == [False, True, False], answer
    bad = answer.responses[1]
    assert bad.bus_ob_rec_id is None and bad.error_code.lower() == "valuenotvalid", bad
    assert bad.field_validation_errors[0].field_id.endswith(field("TicketKind").split("FI:")[1]), bad
    assert search(OriginId=["batch-1", "batch-2", "batch-3"]).total_rows == 2
    assert site.counters()["largest_batch"] == 3
    read = objects().business_object_get_business_object_batch_v1(
        pycherwell.BatchReadRequest(
            read_requests=[
                pycherwell.ReadRequest(bus_ob_id=found["incident"].bus_ob_id, bus_ob_rec_id=rec_id)
                for rec_id in (answer.responses[2].bus_ob_rec_id, NOBODY)
            ],
            stop_on_error=False,
        )
    )
    assert values(read.responses[0])["OriginId"] == "batch-3"
    assert read.responses[1].has_error and read.responses[1].error_code.upper() == "RECORDNOTFOUND", read


def update_is_visible_on_read():
    request = new_incident(WorkOrderNumber="WO60001")
    request.bus_ob_rec_id = found["saved"].bus_ob_rec_id
    assert objects().business_object_save_business_object_v1(request).bus_ob_rec_id == found["saved"].bus_ob_rec_id
    record = found["client"].get_incident({"incident_id": found["saved"].bus_ob_public_id})
    after = {entry["name"]: entry["value"] for entry in record["fields"]}
    assert after["WorkOrderNumber"] == "WO60001" and after["DedupeKey"] == "SNR|USSG-1041", after


def missing_record_is_the_clients_own_not_found():
    error = refused(
        pycherwell.ApiException,
        objects().business_object_get_business_object_by_public_id_v1,
        found["incident"].bus_ob_id,
        "999999",
    )
    assert error.status == 500 and "RECORDNOTFOUND" in str(error), error
    # The helper looks for that word in the answer, and returns nothing.
    assert found["client"].get_incident({"incident_id": "999999"}) is None


def pages():
    """Both readings of `pageNumber`: rows since 9.7, pages before."""
    objects().business_object_save_business_object_batch_v1(
        pycherwell.BatchSaveRequest(
            save_requests=[new_incident(OriginId=f"page-{n}", DedupeKey="paged") for n in range(7)]
        )
    )
    for mode, numbers in (("row", (None, 4, 7)), ("page", (None, 2, 3))):
        with site.settings(page_mode=mode):
            answers = [search(page_number=number, page_size=3, DedupeKey=["paged"]) for number in numbers]
        assert [answer.total_rows for answer in answers] == [7, 7, 7]
        assert [len(answer.business_objects) for answer in answers] == [3, 3, 1], mode
        seen = [values(record)["OriginId"] for answer in answers for record in answer.business_objects]
        assert sorted(seen) == [f"page-{n}" for n in range(7)], (mode, seen)


def note_by_related_save():
    journal = objects().business_object_get_business_object_summary_by_name_v1("Journal")[0]
    note_type = {entry.name: entry.bus_ob_id for entry in journal.group_summaries}["Journal - Note"]
    fields = {
        entry.name: entry.field_id
        for entry in objects().business_object_get_business_object_schema_v1(journal.bus_ob_id).field_definitions
    }
    text = "Nuevo evento recibido [ref:row-1/1]"
    parent = {
        "parent_bus_ob_id": found["incident"].bus_ob_id,
        "parent_bus_ob_rec_id": found["saved"].bus_ob_rec_id,
        "relationship_id": found["relationship"].relationship_id,
    }
    saved = objects().business_object_save_related_business_object_v1(
        pycherwell.RelatedSaveRequest(
            bus_ob_id=journal.bus_ob_id,
            persist=True,
            fields=[
                pycherwell.FieldTemplateItem(dirty=True, field_id=fields["JournalTypeID"], value=note_type),
                pycherwell.FieldTemplateItem(dirty=True, field_id=fields["Details"], value=text),
            ],
            **parent,
        )
    )
    assert saved.parent_bus_ob_public_id == found["saved"].bus_ob_public_id and saved.bus_ob_public_id, saved
    answer = objects().business_object_get_related_business_object_by_request_v1(
        pycherwell.RelatedBusinessObjectRequest(
            all_fields=False, use_default_grid=False, fields_list=[fields["Details"]], page_size=10, **parent
        )
    )
    assert answer.total_records == 1
    assert [(note.bus_ob_rec_id, values(note)["Details"]) for note in answer.related_business_objects] == [
        (saved.bus_ob_rec_id, text)
    ]


def link_a_work_order():
    order = objects().business_object_get_business_object_summary_by_name_v1("WorkOrder")[0]
    fields = {
        entry.name: entry.field_id
        for entry in objects().business_object_get_business_object_schema_v1(order.bus_ob_id).field_definitions
    }
    saved = objects().business_object_save_business_object_v1(
        pycherwell.SaveRequest(
            bus_ob_id=order.bus_ob_id,
            fields=[pycherwell.FieldTemplateItem(dirty=True, field_id=fields["ExternalRef"], value="row-1")],
            persist=True,
        )
    )
    ends = (
        found["incident"].bus_ob_id,
        found["saved"].bus_ob_rec_id,
        found["work orders"].relationship_id,
        order.bus_ob_id,
        saved.bus_ob_rec_id,
    )
    objects().business_object_link_related_business_object_by_rec_id_v1(*ends)
    related = objects().business_object_get_related_business_object_v1(*ends[:3])
    assert [record.bus_ob_public_id for record in related.related_business_objects] == [saved.bus_ob_public_id]
    again = refused(pycherwell.ApiException, objects().business_object_link_related_business_object_by_rec_id_v1, *ends)
    assert again.status == 500 and "DuplicateEntry" in str(again), again


def expired_token_is_replaced():
    """The helper keeps the token in a file, looks at its age when it starts, and logs in again."""
    with site.settings(token_life_s=1):
        short_lived = client(cache="expiry")
        short_lived.get_service_info()
        service = pycherwell.BusinessObjectApi(short_lived.api_client)
        look = service.business_object_get_business_object_summary_by_name_v1

        def is_refused():
            try:
                look("Incident")
            except pycherwell.ApiException as error:
                assert error.status == 401, error
                return True
            return False

        wait_until("the token expires", is_refused)
    before = site.counters()["logins"]
    kept = {}

    def logs_in_again():
        kept["client"] = client(cache="expiry")
        kept["client"].get_service_info()
        return site.counters()["logins"] > before

    wait_until("the client sees that its token is old", logs_in_again)
    assert kept["client"].get_incident({"incident_id": found["saved"].bus_ob_public_id})["bus_ob_public_id"]
    assert site.counters()["logins"] == before + 1


def log_out():
    interface(pycherwell.ServiceApi).service_logout_user_v1()
    error = refused(
        pycherwell.ApiException, objects().business_object_get_business_object_summary_by_name_v1, "Incident"
    )
    assert error.status == 401, error


# The helper class writes its own log lines about refusals that are asked for here.
logging.disable(logging.CRITICAL)
run(
    CLIENT,
    [
        wrong_password_is_the_clients_own_error,
        log_in,
        look_up_objects_schema_and_template,
        teams_and_requestors_by_the_helper,
        create_incident_by_the_helper,
        create_with_the_ids_of_a_long_template,
        create_and_read,
        search_finds_it,
        save_batch_of_three_with_one_bad,
        update_is_visible_on_read,
        missing_record_is_the_clients_own_not_found,
        pages,
        note_by_related_save,
        link_a_work_order,
        expired_token_is_replaced,
        log_out,
    ],
)
