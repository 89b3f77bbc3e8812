"""What must hold before the gateway listens: an address that is safe as it is set up, and a certificate that fits."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

from trunkline.domain.errors import ConfigError
from trunkline.domain.preferences import GatewayPolicy
from trunkline.gateway.callers import is_loopback


def check_address(policy: GatewayPolicy, host: str, *, file: Path, tokens: int) -> None:
    """Raises ConfigError, naming the preferences' `file`, where `host` may be reached from other machines and that is
    not wanted, or would be open to all of them; `tokens` is how many are in force."""
    if is_loopback(host):
        return
    if not policy.allow_remote:
        raise ConfigError(
            file=file,
            key="gateway.host",
            value=host,
            expected="an address that only this machine reaches, such as 127.0.0.1",
            remedy="If other machines shall reach it, set gateway.allow_remote = true; whoever asks needs a token.",
        )
    if not policy.require_token:
        raise ConfigError(
            file=file,
            key="gateway.require_token",
            value=False,
            expected=f"true where the gateway listens on {host}, which other machines reach",
            remedy="Take it out, and give each client a token: `trunkline tokens create NAME`.",
        )
    if not tokens:
        raise ConfigError(
            file=file,
            key="gateway.host",
            value=host,
            expected="a token in force before other machines can reach the gateway",
            remedy="Make one: `trunkline tokens create NAME`.",
        )


def tls_context(policy: GatewayPolicy, *, file: Path) -> ssl.SSLContext | None:
    """What to serve https with; None where no certificate is set. Raises ConfigError, naming the preferences' `file`,
    for files that cannot be read or do not belong together."""
    if policy.tls_cert is None:
        return None
    certificate, key = policy.tls_cert, policy.tls_key or policy.tls_cert
    named = [("tls_cert", certificate)] + ([("tls_key", key)] if policy.tls_key else [])
    for name, path in named:
        _require_readable(name, path, file)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Nobody is there to type the password of a key: without this, OpenSSL would ask at the terminal.
        context.load_cert_chain(certificate, key, password=_no_password(named[-1][0], key, file))
    except ssl.SSLError as error:
        raise _unfit_pair(policy, error, file) from None
    return context


def _require_readable(name: str, path: str, file: Path) -> None:
    try:
        Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(
            file=file,
            key=f"gateway.{name}",
            value=path,
            expected=f"a file that can be read ({(error.strerror or 'it cannot').lower()})",
            remedy="Check the path (a relative one begins at the folder of this file) and its permissions.",
        ) from None


def _no_password(name: str, path: str, file: Path) -> Callable[[], str]:
    def refuse() -> str:
        raise ConfigError(
            file=file,
            key=f"gateway.{name}",
            value=path,
            expected="a key without a password",
            remedy="`openssl pkey -in KEY -out NEW` writes one; keep it readable by you only.",
        )

    return refuse


def _unfit_pair(policy: GatewayPolicy, error: ssl.SSLError, file: Path) -> ConfigError:
    if error.reason == "KEY_VALUES_MISMATCH":
        expected = "the key that belongs to the certificate in tls_cert"
    elif policy.tls_key is None:
        expected = "a PEM file with a certificate and its key"
    else:
        expected = "a PEM file with a certificate, and one with its key"
    where = "tls_cert" if policy.tls_key is None else "tls_key"
    return ConfigError(
        file=file,
        key=f"gateway.{where}",
        value=policy.tls_key or policy.tls_cert,
        expected=expected,
        remedy="Name the pair that was issued together (a certificate's file begins with -----BEGIN CERTIFICATE-----).",
    )
