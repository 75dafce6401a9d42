"""cherwell 0.4 against the stand-in: a small client, with a slash behind `savebusinessobject` and no `auth_mode`. It
logs in, saves and reads; it has no search, batch or refresh.

    python cherwell_plain.py http://127.0.0.1:PORT
"""

import logging
import sys

import requests
from cherwell.client import CherwellClient
from cherwell.models import BusinessObject, BusinessObjectFields

from stand_in import StandIn, refused, run

CLIENT = "cherwell 0.4"

# The stock ids of Cherwell. This client has no look-up, its users copy ids from their site.
INCIDENT = "6dd53665c0c24cab86870a21cf6434ae"
SHORT_DESCRIPTION = "93e8ea93ff67fd95118255419690a50ef2d56f910c"
STATUS = "5eb3234ae1344c64a19819eda437f18d"

site = StandIn(sys.argv[1])
client = CherwellClient(site.base_url)
found = {}


def log_in_with(password):
    return client.authenticate(cid=site.client_id, user=site.username, pwd=password)


def save(public_id="", **fields):
    record = BusinessObject(INCIDENT, public_id)
    ids = {"ShortDescription": SHORT_DESCRIPTION, "Status": STATUS}
    record.fields = [BusinessObjectFields(ids[name], name, value, True) for name, value in fields.items()]
    return client.save_business_object(found["token"], record)


def read(public_id):
    record = client.get_business_object(found["token"], INCIDENT, public_id)
    return {field["name"]: field["value"] for field in record["fields"]}


def wrong_password_is_the_clients_own_error():
    error = refused(requests.HTTPError, log_in_with, "not-it")
    assert error.response.status_code == 400 and error.response.json()["error"] == "invalid_grant", error.response.text


def log_in():
    found["token"] = log_in_with(site.password)
    assert found["token"] and site.counters()["logins"] == 1


def create_and_read():
    found["ticket"] = save(ShortDescription="Falla de línea 5512345678")
    assert found["ticket"] in site.tickets()
    assert read(found["ticket"])["ShortDescription"] == "Falla de línea 5512345678"


def update_by_public_id_is_visible_on_read():
    assert save(found["ticket"], Status="In Progress") == found["ticket"]
    after = read(found["ticket"])
    assert after["Status"] == "In Progress" and after["ShortDescription"] == "Falla de línea 5512345678", after
    assert len(site.tickets()) == 1


def missing_record_is_the_clients_own_not_found():
    error = refused(requests.HTTPError, read, "999999")
    assert (
        error.response.status_code == 500 and error.response.json()["errorCode"] == "RECORDNOTFOUND"
    ), error.response.text


def token_that_nobody_gave_is_refused():
    found["token"] = "nobody-gave-it"
    error = refused(requests.HTTPError, save, ShortDescription="must not be there")
    assert error.response.status_code == 401 and len(site.tickets()) == 1, error


# The client logs the answers of calls that fail.
logging.disable(logging.CRITICAL)
run(
    CLIENT,
    [
        wrong_password_is_the_clients_own_error,
        log_in,
        create_and_read,
        update_by_public_id_is_visible_on_read,
        missing_record_is_the_clients_own_not_found,
        token_that_nobody_gave_is_refused,
    ],
)
