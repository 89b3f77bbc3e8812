"""What must hold before the gateway listens."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from trunkline.domain.errors import ConfigError
from trunkline.domain.preferences import GatewayPolicy
from trunkline.gateway.listening import check_address, tls_context

FILE = Path("/home/me/preferences.toml")
OPEN = GatewayPolicy(host="0.0.0.0", allow_remote=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1"])
def test_loopback_needs_nothing(host):
    check_address(GatewayPolicy(require_token=False), host, file=FILE, tokens=0)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "fe80::1%eth0", "box.example", ""])
@pytest.mark.parametrize(
    ("policy", "tokens", "key", "remedy"),
    [
        (GatewayPolicy(), 1, "gateway.host", "gateway.allow_remote = true"),
        (GatewayPolicy(allow_remote=True, require_token=False), 1, "gateway.require_token", "Take it out"),
        (GatewayPolicy(allow_remote=True), 0, "gateway.host", "trunkline tokens create"),
    ],
)
def test_any_other_address_wants_a_word_and_a_token(host, policy, tokens, key, remedy):
    with pytest.raises(ConfigError) as refused:
        check_address(policy, host, file=FILE, tokens=tokens)
    assert (refused.value.file, refused.value.key) == (str(FILE), key)
    assert remedy in refused.value.remedy
    check_address(OPEN, host, file=FILE, tokens=1)


def test_without_a_certificate_there_is_no_tls():
    assert tls_context(GatewayPolicy(), file=FILE) is None


class Pairs:
    """Two certificates with their keys, one key with a password, one file with both."""

    def __init__(self, folder: Path) -> None:
        self.certificate, self.key = self._pair(folder, "one")
        _, self.other_key = self._pair(folder, "two")
        self.locked_key = folder / "locked.key"
        _openssl("pkey", "-in", self.key, "-aes256", "-passout", "pass:word", "-out", self.locked_key)
        self.both = folder / "both.pem"
        self.both.write_text(self.certificate.read_text() + self.key.read_text())
        self.neither = folder / "neither.pem"
        self.neither.write_text("no PEM at all")

    def _pair(self, folder: Path, name: str) -> tuple[Path, Path]:
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
        _openssl("req", "-x509", *curve, *subject, "-keyout", key, "-out", certificate, "-days", "2")
        return certificate, key


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Pairs:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl here to make a certificate with")
    return Pairs(tmp_path_factory.mktemp("tls"))


def policy(certificate: Path, key: Path | None = None) -> GatewayPolicy:
    return GatewayPolicy(tls_cert=str(certificate), tls_key=None if key is None else str(key))


async def test_a_pair_that_fits_serves_https(pairs):
    for fit in (policy(pairs.certificate, pairs.key), policy(pairs.both)):
        context = tls_context(fit, file=FILE)

        async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"in private")
            writer.close()

        server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=context)
        async with server:
            trusting = ssl.create_default_context(cafile=str(pairs.certificate))
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=trusting, server_hostname="localhost"
            )
            assert await reader.read() == b"in private"
            assert writer.get_extra_info("ssl_object").version() in ("TLSv1.2", "TLSv1.3")
            writer.close()


@pytest.mark.parametrize(
    ("certificate", "key", "at", "expected"),
    [
        ("certificate", "other_key", "tls_key", "the key that belongs to the certificate"),
        ("certificate", "locked_key", "tls_key", "a key without a password"),
        ("certificate", "missing", "tls_key", "no such file"),
        ("missing", "key", "tls_cert", "no such file"),
        ("certificate", "neither", "tls_key", "one with its key"),
        ("neither", "key", "tls_key", "a PEM file with a certificate, and one with its key"),
        ("certificate", None, "tls_cert", "with a certificate and its key"),
    ],
)
def test_a_pair_that_does_not_fit_is_named(pairs, tmp_path, certificate, key, at, expected):
    files = vars(pairs) | {"missing": tmp_path / "missing.pem"}
    unfit = policy(files[certificate], None if key is None else files[key])
    with pytest.raises(ConfigError) as refused:
        tls_context(unfit, file=FILE)
    assert (refused.value.file, refused.value.key) == (str(FILE), f"gateway.{at}")
    assert expected in refused.value.expected
    assert refused.value.remedy
