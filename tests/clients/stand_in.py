"""What the clients' scripts share: the stand-in's control routes, and steps that are run and reported one by one.

No client is imported here, and nothing here speaks to `/CherwellAPI`: what does, is the client under test alone.
"""

import json
import sys
import time
import traceback
import urllib.request
from contextlib import contextmanager

# How long a condition that must come true is waited for, in seconds. No outcome depends on how fast it does.
PATIENCE_S = 60


class StandIn:
    """A running `ticketbridge sandbox` at `root`, empty of records and with its counters at zero."""

    def __init__(self, root):
        self.root = root.rstrip("/")
        self._call("POST", "/reset")
        login = self._call("GET", "")["platforms"]["cherwell"]
        self.base_path = login["base_path"]
        self.client_id = login["client_id"]
        self.username = login["username"]
        self.password = login["password"]

    @property
    def base_url(self):
        """The address that a user of a client would be told."""
        return self.root + self.base_path

    @property
    def host_and_port(self):
        """Both, as texts."""
        return self.root.removeprefix("http://").split(":")

    def counters(self):
        """What the stand-in itself has seen of Cherwell since the start of the script."""
        return self._call("GET", "/stats")["cherwell"]

    def tickets(self):
        """Every stored ticket, by public id, as the stand-in shows it to its operator."""
        return {ticket["busObPublicId"]: ticket for ticket in self._call("GET", "/cherwell/tickets")["items"]}

    @contextmanager
    def settings(self, **changes):
        """Changes the site for the time of a `with` block."""
        before = self._call("PATCH", "/cherwell/settings", {})
        self._call("PATCH", "/cherwell/settings", changes)
        try:
            yield
        finally:
            self._call("PATCH", "/cherwell/settings", {name: before[name] for name in changes})

    def _call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.root}/sandbox{path}", data, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            text = answer.read()
        return json.loads(text) if text else None


def refused(kind, call, *arguments, **named):
    """The error of the class `kind` that a call must end with."""
    try:
        result = call(*arguments, **named)
    except kind as error:
        return error
    raise AssertionError(f"{getattr(call, '__name__', call)} was not refused; it answered {result!r}")


def wait_until(what, holds):
    """Asks again until `holds()` says yes."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not after {PATIENCE_S} s")
        time.sleep(0.05)


def run(client, steps):
    """Runs the steps in their order, a line each, and ends the process: 0 if all held, 1 at the first that did not."""
    for step in steps:
        title = step.__name__.strip("_").replace("_", " ")
        try:
            step()
        except Exception:
            print(f"{client:<28} FAILED  {title}", flush=True)
            traceback.print_exc()
            sys.exit(1)
        print(f"{client:<28} ok      {title}", flush=True)
    sys.exit(0)
