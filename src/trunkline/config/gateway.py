"""The gateway's settings and the aliases of models, as the plain types that decisions use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from trunkline.config.files import Layer, layer_of
from trunkline.config.names import Names
from trunkline.config.preferences_schema import GatewayTable, PreferencesFile
from trunkline.config.problems import problem
from trunkline.domain.preferences import GatewayPolicy, ModelAlias
from trunkline.domain.routes import Catalogue, LocalServer
from trunkline.domain.tasks import TASK_TYPES, Tier

AUTO = "auto"
"""The name under which a client leaves the choice to Trunkline."""

_MIB = 1024 * 1024


def compile_gateway(table: GatewayTable, layers: Sequence[Layer]) -> GatewayPolicy:
    """The gateway's settings. Whether its address may be listened on is judged where it is: a command may name
    another. Raises ConfigError for a key without a certificate."""
    if table.tls_key is not None and table.tls_cert is None:
        raise problem(
            layers,
            ("gateway", "tls_key"),
            expected="a certificate beside it",
            remedy="Set gateway.tls_cert too, or take tls_key out.",
        )
    return GatewayPolicy(
        host=table.host,
        port=table.port,
        allow_remote=table.allow_remote,
        tls_cert=_file(table.tls_cert, "tls_cert", layers),
        tls_key=_file(table.tls_key, "tls_key", layers),
        allowed_hosts=tuple(table.allowed_hosts),
        allowed_origins=tuple(table.allowed_origins),
        require_token=table.require_token,
        max_body_bytes=table.max_body_mb * _MIB,
        max_concurrent=table.max_concurrent,
        max_waiting=table.max_waiting,
        unknown_is_auto=table.unknown_model == "auto",
    )


def _file(text: str | None, name: str, layers: Sequence[Layer]) -> str | None:
    """A path as written: from the user's home, or from the folder of the file that names it."""
    if text is None:
        return None
    return str(layer_of(layers, ("gateway", name)).path.parent / Path(text).expanduser())


def compile_aliases(file: PreferencesFile, names: Names) -> tuple[ModelAlias, ...]:
    """The user's aliases. One of which no server lists a single model now keeps them as they are written, so that it
    stands for nobody and not for anybody. Raises ConfigError for one that hides what clients call by that name already,
    and for a model that nobody knows."""
    return tuple(
        ModelAlias(
            _own_name(name, file, names),
            names.resolve(table.models, ("aliases", name, "models")) or tuple(table.models),
            table.strategy,
        )
        for name, table in file.aliases.items()
    )


def _own_name(name: str, file: PreferencesFile, names: Names) -> str:
    taken = taken_by(name, names.catalogue, file.tasks)
    if taken is not None:
        raise problem(
            names.layers,
            ("aliases", name),
            expected=f"a name of your own; {name!r} is {taken}",
            remedy="Give the alias another name.",
        )
    if names.catalogue.select(name) is not None:
        # What a server on this machine lists changes by the hour; it must not break a file that was good.
        names.note(f"the alias {name!r} goes before the model of that name on a server here")
    return name


def taken_by(name: str, catalogue: Catalogue, own_tasks: Iterable[str]) -> str | None:
    """What a client means by `name` already, as a phrase; None where an alias may be called so. Words are the same
    in capitals. A model that only servers on this machine serve takes no name."""
    word = name.lower()
    if word == AUTO:
        return "what leaves the choice to Trunkline"
    if word in (tier.value for tier in Tier):
        return "a tier"
    if word in {task.lower() for task in (*TASK_TYPES, *own_tasks)}:
        return "a task type"
    if catalogue.provider(name) is not None:
        return "a provider"
    stated = (p for p in catalogue.providers if p.quirks.local_server is LocalServer.NONE)
    if any(name in (*(m.id for m in p.models), *(r.id for r in p.retired)) for p in stated):
        return "a model"
    return None
