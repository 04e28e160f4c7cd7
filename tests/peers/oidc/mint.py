# SPDX-License-Identifier: Apache-2.0
"""An issuer on loopback whose keys the test holds: its tokens can be made as wrong as an attacker likes."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

AUDIENCE = "https://byhand.test"


class Mint:
    """Publishes discovery and keys; signs whatever it is told to. ``asked`` counts the questions for keys."""

    def __init__(self) -> None:
        self.keys: dict[str, Key] = {}
        self.asked = 0
        self.documents: dict[str, Any] = {}
        self.rotate("k1")
        outer = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = outer.answer(self.path)
                self.send_response(200 if body is not None else 404)
                self.end_headers()
                self.wfile.write(body or b"{}")

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                self.do_GET()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def rotate(self, *ids: str) -> None:
        """Publish new keys with these ids, and no others."""
        self.keys = {
            one: RSAKey.generate_key(2048, {"kid": one, "alg": "RS256", "use": "sig"}) for one in ids
        }

    def add(self, kind: str) -> str:
        """Publish one more key: EC, OKP or oct; its id."""
        made = {
            "EC": lambda: ECKey.generate_key("P-256", {"kid": "EC"}),
            "OKP": lambda: OKPKey.generate_key("Ed25519", {"kid": "OKP"}),
            "oct": lambda: OctKey.generate_key(256, {"kid": "oct"}),
        }[kind]()
        self.keys[kind] = made
        return kind

    def answer(self, path: str) -> bytes | None:
        if path in self.documents:
            found = self.documents[path]
            return found if isinstance(found, bytes) else json.dumps(found).encode()
        if path == "/.well-known/openid-configuration":
            return json.dumps({"issuer": self.url, "jwks_uri": f"{self.url}/keys"}).encode()
        if path == "/keys":
            self.asked += 1
            return json.dumps({"keys": [key.as_dict(private=False) for key in self.keys.values()]}).encode()
        return None

    def claims(self, **changed: Any) -> dict[str, Any]:
        """What GitHub says of a run that a person started, changed as told; ``None`` leaves a claim out."""
        now = int(time.time())
        found = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "repo:acme/shop:environment:production",
            "repository": "acme/shop",
            "repository_owner": "acme",
            "actor": "ada-lovelace",
            "actor_id": "1815",
            "event_name": "workflow_dispatch",
            "ref": "refs/heads/main",
            "jti": f"{time.time_ns()}",
            "iat": now,
            "nbf": now,
            "exp": now + 300,
        }
        return {name: value for name, value in (found | changed).items() if value is not None}

    def token(self, claims: Mapping[str, Any] | None = None, *, key: Key | None = None, **header: Any) -> str:
        """A token, signed with the newest key unless told otherwise."""
        signing = key or next(iter(self.keys.values()))
        said = {"typ": "JWT", "alg": "RS256", "kid": signing.kid, **header}
        said = {name: value for name, value in said.items() if value is not None}
        registry = jws.JWSRegistry(algorithms=[str(said["alg"])], strict_check_header=False)
        payload = json.dumps(self.claims() if claims is None else dict(claims))
        return jws.serialize_compact(said, payload, signing, registry=registry)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def part(value: object) -> str:
    """Base64url of JSON, as a part of a token."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@contextmanager
def minting() -> Iterator[Mint]:
    """An issuer for a while."""
    mint = Mint()
    try:
        yield mint
    finally:
        mint.close()
