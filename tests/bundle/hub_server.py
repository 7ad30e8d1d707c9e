"""A small server on this computer that speaks as much of the Hub's interface as fetching and pushing need."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_of_a_test"

_INFO = re.compile(r"/api/(models|spaces)/([^/]+/[^/]+)(?:/revision/([^/]+))?")
_TREE = re.compile(r"/api/(models|spaces)/([^/]+/[^/]+)/tree/([^/]+)")
_RESOLVE = re.compile(r"/(spaces/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
_PREUPLOAD = re.compile(r"/api/(models|spaces)/([^/]+/[^/]+)/preupload/[^/]+")
_COMMIT = re.compile(r"/api/(models|spaces)/([^/]+/[^/]+)/commit/[^/]+")
_BATCH = re.compile(r"/(spaces/)?([^/]+/[^/]+)\.git/info/lfs/objects/batch")


@dataclass
class HubServer:
    """Repositories by kind and name: commits, the newest last, each a name and its files."""

    address: str
    repositories: dict[str, list[tuple[str, dict[str, bytes]]]] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    asked: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    """What is said of the size of a file, where that is not true."""

    before_commit: Callable[[], object] = lambda: None
    """Called when a commit is about to be added."""

    is_down: bool = False

    def commit(self, name: str, files: Mapping[str, bytes], kind: str = "models") -> str:
        """Add a commit, and return its name."""
        commits = self.repositories.setdefault(f"{kind}/{name}", [])
        sha = hashlib.sha1(f"{name} {len(commits)}".encode()).hexdigest()
        commits.append((sha, dict(files)))
        return sha

    def files(self, kind: str, name: str, revision: str | None) -> tuple[str, dict[str, bytes]] | None:
        commits = self.repositories.get(f"{kind}/{name}", [])
        newest = revision in {None, "main", "HEAD"}
        return next((commit for commit in reversed(commits) if newest or commit[0] == revision), None)

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.asked]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubServer

    def do_GET(self) -> None:
        path = self.begin()
        if found := _TREE.fullmatch(path):
            return self.tree(*found.groups())
        if found := _INFO.fullmatch(path):
            return self.info(*found.groups())
        if found := _RESOLVE.fullmatch(path):
            return self.file(*found.groups())
        return self.say(404, {"error": f"no {path}"})

    do_HEAD = do_GET

    def do_POST(self) -> None:
        path = self.begin()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if path == "/api/validate-yaml":
            return self.say(200, {"errors": [], "warnings": []})
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.say(401, {"error": "Invalid credentials in Authorization header"})
        if path == "/api/repos/create":
            return self.create(json.loads(body))
        if found := _PREUPLOAD.fullmatch(path):
            asked = json.loads(body)["files"]
            modes = [{"path": f["path"], "uploadMode": self.mode(f), "shouldIgnore": False} for f in asked]
            return self.say(200, {"files": modes})
        if found := _BATCH.fullmatch(path):
            objects = json.loads(body)["objects"]
            actions = [
                {**one, "actions": {"upload": {"href": f"{self.hub.address}/blobs/{one['oid']}"}}} for one in objects
            ]
            return self.say(200, {"transfer": "basic", "objects": actions})
        if found := _COMMIT.fullmatch(path):
            return self.add(found[1], found[2], body)
        return self.say(404, {"error": f"no {path}"})

    def do_PUT(self) -> None:
        path = self.begin()
        self.hub.blobs[path.rpartition("/")[2]] = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.say(200, {})

    @staticmethod
    def mode(file: Mapping[str, Any]) -> str:
        return "lfs" if file["path"].endswith((".tflite", ".npz", ".keras", ".whl")) else "regular"

    def begin(self) -> str:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append((self.command, path, dict(self.headers)))
        return path

    def allowed(self, kind: str, name: str) -> bool:
        there = f"{kind}/{name}" in self.hub.repositories
        if there and (name not in self.hub.private or self.headers.get("Authorization") == f"Bearer {TOKEN}"):
            return True
        self.say(401, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        return False

    def found(self, kind: str, name: str, revision: str | None) -> tuple[str, dict[str, bytes]] | None:
        if self.hub.is_down:
            self.say(503, {"error": "out of order"})
        elif self.allowed(kind, name):
            if found := self.hub.files(kind, name, revision):
                return found
            self.say(404, {"error": "Invalid rev id"}, {"X-Error-Code": "RevisionNotFound"})
        return None

    def info(self, kind: str, name: str, revision: str | None) -> None:
        if found := self.found(kind, name, revision):
            siblings = [{"rfilename": n, "size": self.hub.sizes.get(n, len(data))} for n, data in found[1].items()]
            self.say(
                200,
                {"id": name, "sha": found[0], "siblings": siblings, "tags": [], "private": name in self.hub.private},
            )

    def tree(self, kind: str, name: str, revision: str) -> None:
        if found := self.found(kind, name, revision):
            rows = [
                {"type": "file", "path": n, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for n, data in found[1].items()
            ]
            self.say(200, rows)

    def file(self, kind: str | None, name: str, revision: str, path: str) -> None:
        if found := self.found("spaces" if kind else "models", name, revision):
            if path not in found[1]:
                return self.say(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
            data = found[1][path]
            tag = {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": found[0]}
            self.send(200, data, {**tag, "Content-Type": "application/octet-stream"})
        return None

    def create(self, asked: Mapping[str, Any]) -> None:
        kind = {"space": "spaces"}.get(asked.get("type", "model"), "models")
        name = "/".join(filter(None, (asked.get("organization"), asked["name"])))
        place = f"{kind}/{name}"
        if place in self.hub.repositories:
            return self.say(409, {"error": "You already created this", "url": f"{self.hub.address}/{name}"})
        self.hub.commit(name, {".gitattributes": b"", "README.md": b""}, kind)
        if asked.get("private") or asked.get("visibility") == "private":
            self.hub.private.add(name)
        prefix = "spaces/" if kind == "spaces" else ""
        return self.say(200, {"url": f"{self.hub.address}/{prefix}{name}", "name": name})

    def add(self, kind: str, name: str, body: bytes) -> None:
        self.hub.before_commit()
        newest, files = self.hub.files(kind, name, None) or ("", {})
        files = dict(files)
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            match line["key"]:
                case "header" if value.get("parentCommit", newest) != newest:
                    return self.say(412, {"error": "A commit has happened since."})
                case "header":
                    self.hub.messages.append(value["summary"])
                case "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    files[value["path"]] = self.hub.blobs[value["oid"]]
                case "deletedFile":
                    del files[value["path"]]
        sha = self.hub.commit(name, files, kind)
        return self.say(
            200, {"commitUrl": f"{self.hub.address}/{name}/commit/{sha}", "commitOid": sha, "success": True}
        )

    def say(self, status: int, document: object, headers: Mapping[str, str] | None = None) -> None:
        self.send(status, json.dumps(document).encode(), {"Content-Type": "application/json", **(headers or {})})

    def send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving_hub() -> Iterator[HubServer]:
    """Run a server on a free port until the block ends."""
    handler = type("BoundHandler", (Handler,), {})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        handler.hub = HubServer(f"http://127.0.0.1:{server.server_port}")  # pyright: ignore[reportAttributeAccessIssue]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield handler.hub  # pyright: ignore[reportAttributeAccessIssue]
        finally:
            server.shutdown()
            thread.join()
