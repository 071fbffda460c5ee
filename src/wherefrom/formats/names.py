"""Ids for what has no digest: datasets, jobs, runs, builds, agents.

    dataset, job   dataset:<namespace>:<name>, split at the *last* colon; a colon or percent
                   sign inside the name is percent-encoded, so two pairs never share an id
    column         column:<namespace>:<name>:<column>, both last parts encoded so
    run            run:<uuid, lower case>
    service        service:<name>; environment:<name>; instance:<name>; team:<name>
    flag           flag:<environment>:<key>, the key encoded so
    release        release:<name>:<version>, the version encoded so
    anything else  its URI, as written

Source: OpenLineage naming (namespace and name identify); Marquez writes ids the same way
"""

from __future__ import annotations


def encode(name: str) -> str:
    """The last part of an id, which may then hold no colon: ``%`` and ``:`` percent-encoded."""
    return name.replace("%", "%25").replace(":", "%3A")


def dataset_id(namespace: str, name: str) -> str:
    """The id of a dataset; ``namespace`` and ``name`` as its producer wrote them."""
    return f"dataset:{namespace}:{encode(name)}"


def job_id(namespace: str, name: str) -> str:
    """The id of a job; ``namespace`` and ``name`` as its producer wrote them."""
    return f"job:{namespace}:{encode(name)}"


def column_id(dataset: str, column: str) -> str:
    """The id of a column of the dataset with this id; a nested one by its path, ``a.b``."""
    return f"column:{dataset.removeprefix('dataset:')}:{encode(column)}"


def split_column(id: str) -> tuple[str, str]:
    """The id of the dataset of a column, and the column. Raises ValueError for other ids."""
    kind, _, rest = id.partition(":")
    dataset, colon, column = rest.rpartition(":")
    if kind != "column" or not colon or ":" not in dataset:
        raise ValueError(f"not the id of a column: {id!r}")
    return f"dataset:{dataset}", column.replace("%3A", ":").replace("%25", "%")


def run_id(uuid: str) -> str:
    """The id of an OpenLineage run."""
    return f"run:{uuid.lower()}"


def service_id(name: str) -> str:
    """The id of a service, by the name that its deployments give it."""
    return f"service:{name}"


def environment_id(name: str) -> str:
    """The id of an environment."""
    return f"environment:{name}"


def team_id(name: str) -> str:
    """The id of a team that owns services."""
    return f"team:{name}"


def instance_id(name: str) -> str:
    """The id of one running copy of a service."""
    return f"instance:{name}"


def flag_id(environment: str, key: str) -> str:
    """The id of a feature flag in an environment."""
    return f"flag:{environment}:{encode(key)}"


def release_id(name: str, version: str) -> str:
    """The id of a release."""
    return f"release:{name}:{encode(version)}"


def split_release(id: str) -> tuple[str, str]:
    """Name and version of a release, by its id. Raises ValueError for other ids."""
    kind, _, rest = id.partition(":")
    name, colon, version = rest.rpartition(":")
    if kind != "release" or not colon or not name or not version:
        raise ValueError(f"not the id of a release: {id!r}")
    return name, version.replace("%3A", ":").replace("%25", "%")


def split(id: str) -> tuple[str, str, str]:
    """``("dataset", namespace, name)`` of a dataset or job id. Raises ValueError for others."""
    kind, _, rest = id.partition(":")
    namespace, colon, name = rest.rpartition(":")
    if kind not in ("dataset", "job") or not colon:
        raise ValueError(f"not a dataset or job id: {id!r}")
    return kind, namespace, name.replace("%3A", ":").replace("%25", "%")
