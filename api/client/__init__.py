"""A running everyhit from Python: frames in, frames out. Needs no store of its own."""

from api.client.asynchronous import AsyncClient
from api.client.errors import ApiError
from api.client.sync import Client

__all__ = ["ApiError", "AsyncClient", "Client"]
