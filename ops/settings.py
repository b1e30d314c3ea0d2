"""All settings in one place. Each is an environment variable ``EVERYHIT_<NAME>``."""

from functools import lru_cache
from pathlib import Path

import platformdirs
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What can be set; ``everyhit doctor`` prints it with its meaning."""

    model_config = SettingsConfigDict(env_prefix="EVERYHIT_", frozen=True)

    store: str = Field(
        default_factory=lambda: f"chdb://{platformdirs.user_data_path('everyhit') / 'store'}",
        description="address of the store, when no --store is given",
    )
    detectors: tuple[Path, ...] = Field(
        default=(), description="folders with detector declarations, beside the built-in ones"
    )
    triggers: tuple[Path, ...] = Field(
        default=(), description="folders with triggers, beside the built-in ones"
    )
    cell: str = Field(
        default="100 ms", description="grid of the windows in a new run, in time of the detector"
    )
    flush_s: float = Field(
        default=0.1, gt=0, description="seconds that the readout holds words back at most"
    )
    workers: int = Field(default=2, ge=1, description="worker threads of the embedded process")
    latency: str = Field(
        default="10 s",
        description="time after which windows run although a link's watermark lags behind",
    )
    redis: str = Field(
        default="redis://127.0.0.1:6379/0",
        description="address of the Redis through which conductor and workers speak",
    )
    api_hosts: tuple[str, ...] = Field(
        default=(), description="names under which the API may be addressed, beside this machine's"
    )
    api_origins: tuple[str, ...] = Field(
        default=(), description="origins of other sites whose pages may ask the API in a browser"
    )
    grace: str = Field(
        default="7 d", description="time for which dropped raw words can be brought back"
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
    log_level: str = Field(default="WARNING", description="DEBUG, INFO, WARNING or ERROR")


@lru_cache
def settings() -> Settings:
    """Return the settings of this process, read once."""
    return Settings()
