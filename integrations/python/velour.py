"""velour-fog from Python, with `requests`: an example to copy and to cut to size.

    python3 velour.py http://127.0.0.1:12080 http://127.0.0.1:12081

Reads go to the next frontend where one does not answer. A write is sent again only where certainly nothing came of it:
there was no connection, or the frontend says so by 503. Everything else is an exception, after which nobody knows.
"""

import json
import sys
from base64 import b64decode, b64encode
from urllib.parse import quote

import requests


class Velour:
    def __init__(self, *frontends, timeout=10):
        self.frontends = list(frontends)
        self.timeout = (1, timeout)  # to connect, and between two parts of an answer
        self.session = requests.Session()  # keeps connections
        self.session.trust_env = False  # a proxy of the environment is not meant for a cluster
        self.session.headers["Accept"] = "application/problem+json"

    def get(self, key):
        """The value's bytes, and its ETag; (None, None) where the key is absent."""
        answer = self._send("GET", path_of(key))
        if answer.status_code == 404 and "X-Fog-Error" not in answer.headers:
            # The version of the proof: what answers 404 without it is no frontend, and knows nothing of the key.
            if "X-Fog-Version" in answer.headers:
                return None, None
        return checked(answer).content, answer.headers["ETag"]

    def set(self, key, value, ttl=None, if_match=None, create=False):
        """The ETag; None where `if_match` or `create` does not hold. `ttl` is in whole seconds."""
        headers = {}
        if if_match is not None:
            headers["If-Match"] = if_match
        if create:
            headers["If-None-Match"] = "*"
        params = {} if ttl is None else {"ttl": ttl}
        options = {"data": to_bytes(value), "params": params, "headers": headers}
        answer = self._send("PUT", path_of(key), **options)
        return None if answer.status_code == 412 else checked(answer).headers["ETag"]

    def delete(self, key):
        checked(self._send("DELETE", path_of(key)))

    def incr(self, key, by=1):
        return int(checked(self._send("POST", path_of(key) + "/incr", params={"by": by})).content)

    def get_many(self, keys):
        """A dict of bytes by key, in one request; keys that are absent are not in it."""
        lines = "".join(json.dumps({"key": to_text(key)}) + "\n" for key in keys)
        headers = {"Content-Type": "application/x-ndjson"}
        answer = self._send("POST", "/v1/mget", data=lines.encode(), headers=headers, is_read=True)
        values = {}
        for key, line in zip(keys, checked(answer).content.splitlines(), strict=True):
            result = json.loads(line)
            if result["status"] == 200:
                values[key] = from_text(result["value"])
            elif result["status"] != 404:
                raise RuntimeError(f"{key}: {result['error']}")
        return values

    def scan(self, prefix="", values=False):
        """Yields keys, or with `values` pairs, as bytes, a page at a time."""
        page = {"prefix": to_bytes(prefix), "bytes": 1 << 20, "values": int(values)}
        while page is not None:
            lines = checked(self._send("GET", "/v1/scan", params=page)).content.splitlines()
            cursor = None
            for line in map(json.loads, lines):
                if "error" in line:
                    raise RuntimeError(f"{line['error']}: {line['detail']}")
                if "key" not in line:
                    cursor = line["cursor"]
                elif values:
                    yield from_text(line["key"]), from_text(line["value"])
                else:
                    yield from_text(line["key"])
            page = None if cursor is None else {**page, "cursor": cursor}

    def _send(self, method, path, is_read=False, **request):
        is_read = is_read or method == "GET"
        for left in reversed(range(len(self.frontends))):
            url = self.frontends[0] + path
            try:
                answer = self.session.request(method, url, timeout=self.timeout, **request)
                # Who answers 503 without it is no frontend, and may have passed a write on to one.
                is_certain = is_read or "X-Fog-Error" in answer.headers
                if answer.status_code != 503 or not is_certain or left == 0:
                    return answer
            except requests.ConnectionError as error:
                # Without a connection nothing was sent; a reset may come after the write.
                never_connected = "NewConnectionError" in repr(error) or "ConnectTimeout" in repr(error)
                if left == 0 or not (is_read or never_connected):
                    raise
            except requests.Timeout:
                if left == 0 or not is_read:
                    raise
            self.frontends.append(self.frontends.pop(0))
        raise AssertionError("there is no frontend")


def checked(answer):
    has_lines = answer.headers.get("Content-Type", "").startswith("application/x-ndjson")
    if answer.ok and ("X-Fog-Version" in answer.headers or has_lines):
        return answer
    code = answer.headers.get("X-Fog-Error", "not-a-frontend")
    raise RuntimeError(f"{answer.status_code} {code}: {answer.text}")


def path_of(key):
    # requests takes the keys `.` and `..` for folders, however they are written: read those with get_many.
    return "/v1/keys/" + quote(to_bytes(key), safe="")


def to_bytes(text):
    return text.encode() if isinstance(text, str) else bytes(text)


def to_text(key):
    """Bytes that are no UTF-8 are base64 in JSON; so may all be that are given as bytes."""
    return key if isinstance(key, str) else {"base64": b64encode(key).decode()}


def from_text(text):
    return text.encode() if isinstance(text, str) else b64decode(text["base64"])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(f"name a frontend: python3 {sys.argv[0]} http://127.0.0.1:12080")
    velour = Velour(*sys.argv[1:])
    velour.set("py/greeting", "grüß dich", ttl=60)
    print(velour.get("py/greeting")[0].decode())
    print(velour.get("py/nobody"))
    etag = velour.set("py/document", "1")
    print(velour.set("py/document", "2", if_match=etag) is not None)
    print(velour.set("py/document", "3", if_match=etag))
    print(velour.set("py/document", "4", create=True))
    velour.set(b"py/\xff &?#%2F", bytes([0, 255]))
    print(velour.get_many(["py/document", "py/nobody", b"py/\xff &?#%2F"]))
    velour.delete("py/visits")
    print(velour.incr("py/visits"), velour.incr("py/visits", 41))
    print(sorted(velour.scan("py/")))
    print(dict(velour.scan("py/doc", values=True)))
    for each in list(velour.scan("py/")):
        velour.delete(each)
    print(list(velour.scan("py/")))
