"""Django's files in velour-fog: a storage on the brokers of a cluster, and a view for its files.

    STORAGES = {"default": {"BACKEND": "velour_storage.VelourStorage", "OPTIONS": {"brokers": ["127.0.0.1:12280"]}}, ...}

Before Django 4.2, and for what is not said there, the options are the dictionary VELOUR_STORAGE of the settings.
"""

import http.client
import json
import logging
from datetime import timezone
from email.utils import parsedate_to_datetime
from tempfile import SpooledTemporaryFile
from urllib.parse import quote, unquote, urljoin

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import File
from django.core.files.storage import Storage, default_storage
from django.http import FileResponse, Http404, HttpResponseRedirect
from django.utils.deconstruct import deconstructible
from django.views.decorators.http import require_safe

CHANGED, NO_NAMES = 412, (400, 404, 414)
log = logging.getLogger(__name__)


class StoreError(OSError):
    """The store refuses, or is not reached. Nobody knows then what became of a write that was sent."""


@deconstructible
class VelourStorage(Storage):
    def __init__(self, brokers=None, folder=None, domain=None, base_url=None, timeout=30):
        given = getattr(settings, "VELOUR_STORAGE", {})
        self.brokers = brokers or given.get("brokers")
        if not self.brokers or isinstance(self.brokers, str) or any("/" in broker for broker in self.brokers):
            raise ImproperlyConfigured(f"brokers is {self.brokers!r}, and must be a list such as ['127.0.0.1:12280']")
        self.folder = (given.get("folder", "") if folder is None else folder).strip("/")
        self.domain = domain or given.get("domain")
        self.base_url, self.timeout = base_url or given.get("base_url") or settings.MEDIA_URL, timeout

    def _open(self, name, mode="rb"):
        if mode != "rb":
            raise ValueError(f"a file is opened as rb, and not as {mode}: save it again instead")
        content = SpooledTemporaryFile(max_size=1024 * 1024)  # what is longer waits in a file
        with self._ask("GET", self._path(name) + "?proxy=1", name, is_file=True) as answer:
            content.writelines(iter(lambda: answer.read(65536), b""))
            if answer.length:  # read(N) says nothing of a rest that never came
                raise StoreError(f"{name}: broken off")
        content.seek(0)
        return File(content, name)

    def _save(self, name, content):
        kind = getattr(content, "content_type", None)
        headers = {"If-None-Match": "*", "Content-Length": str(content.size), **({"Content-Type": kind} if kind else {})}
        while True:
            content.seek(0)
            with self._ask("PUT", self._path(name) + "?proxy=1", name, content, headers, (CHANGED,)) as answer:
                if answer.status != CHANGED:
                    return name
            name = self.get_available_name(name)  # somebody else has taken it since it was chosen

    def delete(self, name):
        if self._of(name) == self._of(""):
            raise ValueError("delete takes the name of a file")
        self._ask("DELETE", self._path(name), name, None, {"Depth": "0"}, (404,)).close()  # and no folder

    def exists(self, name):
        with self._ask("HEAD", self._path(name) + "?proxy=1", name, also=NO_NAMES) as answer:
            return answer.status not in NO_NAMES

    def size(self, name):
        return self._told(name)["size"]

    def get_modified_time(self, name):
        when = parsedate_to_datetime(self._told(name)["modified"]).astimezone(timezone.utc)
        return when if settings.USE_TZ else when.astimezone().replace(tzinfo=None)

    def listdir(self, path):
        """The names of the folders in a folder, and of the files; none where there is no such folder."""
        prefix, names, cursor = self._of(path).rstrip("/") + "/", {"collection": [], "file": []}, ""
        while cursor is not None:
            asked = f"/.broker/files?prefix={quote(prefix, safe='')}" + (cursor and f"&cursor={quote(cursor, safe='')}")
            with self._ask("GET", asked, path) as answer:
                page = json.load(answer)
            for entry in page["files"]:
                names[entry["kind"]].append(unquote(entry["href"].rsplit("/", 1)[-1]))
            cursor = page["cursor"]
        return sorted(names["collection"]), sorted(names["file"])

    def url(self, name):
        return urljoin(self.base_url, quote(str(name).replace("\\", "/").lstrip("/")))

    def location(self, name):
        """Where a file server has the file, for an hour; None for an empty one, which the broker has."""
        with self._ask("GET", self._path(name), name, is_file=True) as answer:
            return answer.getheader("Location")

    def _told(self, name):
        with self._ask("GET", f"/.broker/files?path={quote(self._of(name), safe='')}", name) as answer:
            return json.load(answer)

    def _of(self, name):
        return "/" + "/".join((self.folder, str(name).replace("\\", "/").strip("/"))).strip("/")

    def _path(self, name):
        return quote(self._of(name))

    def _ask(self, method, path, name, body=None, headers=None, also=(), is_file=False):
        """The answer of a broker, or of the next one where certainly nothing came of what was asked."""
        host = {"Host": self.domain} if self.domain else {}
        for broker in self.brokers:
            connection, is_sent = http.client.HTTPConnection(broker, timeout=self.timeout), False
            try:
                connection.connect()
                is_sent = method not in ("GET", "HEAD")
                connection.request(method, path, body, {"Connection": "close", **host, **(headers or {})})
                answer = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                status, failure = 503, StoreError(f"{name}: {broker}: {error!r}")
            else:
                status, is_broker = answer.status, answer.getheader("X-Fog-Role") == "broker"
                # Of folders, and of what the broker says of itself, there are pages without an ETag.
                is_none = is_file and status < 400 and not answer.getheader("ETag")
                if is_broker and (status in also or (status < 400 and not is_none)):
                    return answer
                with answer:
                    said = answer.read(1000).decode(errors="replace").strip()
                if is_broker and (is_none or status == 404 or (status in NO_NAMES and not is_sent)):
                    raise FileNotFoundError(f"{name} is not in the store")
                why = f"it has no domain {self.domain or broker}; " if status == 421 else ""
                why = why if is_broker or status >= 500 else "it is no broker: name one, by its --broker-port; "
                failure = StoreError(f"{name}: {broker}: {why}{status} {said}".rstrip())
            if status != 503 or is_sent:
                break
        log.error("%s", failure)
        raise failure


@require_safe
def redirect_to_store(request, name):
    """The view of `MEDIA_URL`: the bytes come from a file server, which answers ranges and conditions."""
    try:
        location = default_storage.location(name)
        return HttpResponseRedirect(location) if location else FileResponse(default_storage.open(name))
    except FileNotFoundError as error:
        raise Http404(str(error)) from error
