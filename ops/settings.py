"""All settings in one place. Each is an environment variable ``EVERYHIT_<NAME>``."""

import json
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from db.errors import UsageError
from software_triggers.isolation.limits import Limits


def _listed(given: object, separators: str) -> object:
    """Return the parts of a text; a text in JSON, and what is no text, as it is."""
    if not isinstance(given, str) or given.lstrip().startswith("["):
        return json.loads(given) if isinstance(given, str) else given
    parts = re.split(f"[{separators}]", given)
    return [part.strip() for part in parts if part.strip()]


Paths = Annotated[
    tuple[Path, ...], NoDecode, BeforeValidator(lambda given: _listed(given, f",{os.pathsep}"))
]
Addresses = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(lambda given: _listed(given, r"\s"))
]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(lambda given: _listed(given, ","))]


class Settings(BaseSettings):
    """What can be set; ``everyhit doctor`` prints it with its meaning."""

    model_config = SettingsConfigDict(env_prefix="EVERYHIT_", frozen=True)

    store: str = Field(
        default_factory=lambda: f"chdb://{platformdirs.user_data_path('everyhit') / 'store'}",
        description="address of the store, when no --store is given",
    )
    words: str = Field(
        default="",
        description="address of the home of the words that a readout writes, when no --words is"
        " given; empty: in the store",
    )
    homes: Addresses = Field(
        default=(),
        description="addresses, with passwords, of homes in which words lie beside the store:"
        " mongodb://user:password@host/db s3://key:secret@bucket/prefix; one space between them",
    )
    mongodb_driver: Literal["pymongo", "motor"] = Field(
        default="pymongo",
        description="what the API reads words with from MongoDB; motor is the extra of that name",
    )
    detectors: Paths = Field(
        default=(),
        description="folders with detector declarations, beside the built-in ones: a,b or a:b",
    )
    triggers: Paths = Field(
        default=(), description="folders with triggers, beside the built-in ones: a,b or a:b"
    )
    cell: str = Field(
        default="100 ms", description="grid of the windows in a new run, in time of the detector"
    )
    flush_s: float = Field(
        default=0.1, gt=0, description="seconds that the readout holds words back at most"
    )
    workers: int = Field(default=2, ge=1, description="worker threads of the embedded process")
    trigger_s: float = Field(
        default=30.0,
        gt=0,
        description="seconds that a Python trigger may take to load, or for one window;"
        " with more than 30, raise --lost-after of the conductor to four times as much",
    )
    trigger_memory_mb: int = Field(
        default=2000,
        ge=200,
        description="megabytes that the process of a Python trigger may take",
    )
    latency: str = Field(
        default="10 s",
        description="time after which windows run although a link's watermark lags behind",
    )
    redis: str = Field(
        default="redis://127.0.0.1:6379/0",
        description="address of the Redis through which conductor and workers speak",
    )
    api_hosts: Names = Field(
        default=(), description="names under which the API may be addressed, beside this machine's"
    )
    api_origins: Names = Field(
        default=(), description="origins of other sites whose pages may ask the API in a browser"
    )
    api_proxies: Names = Field(
        default=(), description="addresses of proxies whose X-Forwarded-For the API believes"
    )
    oidc_issuer: str = Field(
        default="", description="address of an identity provider whose tokens the API takes, too"
    )
    oidc_audience: str = Field(
        default="", description="name under which the identity provider knows this API"
    )
    oidc_client: str = Field(
        default="", description="name under which the page signs people in there; the audience"
    )
    oidc_role_claim: str = Field(
        default="roles", description="claim that tells roles, as roles or realm_access.roles"
    )
    oidc_roles: dict[str, Literal["viewer", "shifter", "physicist", "dba", "admin"]] = Field(
        default={}, description='roles for its values, as {"muon-experts": "physicist"}'
    )
    oidc_name_claim: str = Field(
        default="preferred_username", description="claim with the name that the log of changes has"
    )
    oidc_leeway_s: float = Field(
        default=60, ge=0, le=600, description="by how much its clock and ours may differ"
    )
    grace: str = Field(
        default="7 d", description="time for which dropped raw words can be brought back"
    )
    retention_every: str = Field(
        default="1 h", description="time after which everyhit up looks again what is to be dropped"
    )
    alarm_link_s: float = Field(
        default=30, gt=0, description="seconds without progress of a link that are an alarm"
    )
    alarm_stage_s: float = Field(
        default=60, gt=0, description="seconds without progress of a trigger that are an alarm"
    )
    alarm_service_s: float = Field(
        default=15, gt=0, description="seconds without a conductor, worker or Redis; an alarm"
    )
    alarm_queue_s: float = Field(
        default=60, gt=0, description="seconds with too many windows waiting that are an alarm"
    )
    alarm_windows: int = Field(default=1000, ge=1, description="how many windows are too many")
    alarm_spool_s: float = Field(
        default=60, gt=0, description="age of what a readout has spooled that is an alarm"
    )
    alarm_shard_s: float = Field(
        default=15, gt=0, description="seconds without an answer of a shard that are an alarm"
    )
    alarm_publication_s: float = Field(
        default=60,
        gt=0,
        description="seconds that documents of results may lag behind; more are an alarm",
    )
    log_level: str = Field(default="WARNING", description="DEBUG, INFO, WARNING or ERROR")


def trigger_limits() -> Limits:
    """Return what the processes of triggers may take."""
    return Limits(settings().trigger_s, settings().trigger_memory_mb)


@lru_cache
def settings() -> Settings:
    """Return the settings of this process, read once; UsageError names the one that is wrong."""
    try:
        return Settings()
    except (ValidationError, SettingsError) as fault:
        raise UsageError(_line(fault)) from None


def _line(fault: ValidationError | SettingsError) -> str:
    if isinstance(fault, SettingsError):
        return f"{fault}: write it as JSON"
    first = fault.errors()[0]
    name, *inside = map(str, first["loc"])
    return f"EVERYHIT_{' '.join([name.upper(), *inside])}: {first['msg']}"
