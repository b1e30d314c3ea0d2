"""The configuration of a small server of our own, as XML."""

from pathlib import Path
from xml.sax.saxutils import escape

# Two threads, but room for many tasks: a change of more parts than there is room for would go on by
# and by, with pauses that grow.
_SERVER = """<clickhouse>
  <logger><level>warning</level><log>{folder}/log</log><errorlog>{folder}/errors</errorlog></logger>
  <listen_host>127.0.0.1</listen_host>
  <tcp_port>{port}</tcp_port>
  <http_port>{http_port}</http_port>
  <path>{folder}/data/</path>
  <tmp_path>{folder}/data/tmp/</tmp_path>
  <user_files_path>{folder}/data/user_files/</user_files_path>
  <users_config>{folder}/users.xml</users_config>
  <user_directories><users_xml><path>{folder}/users.xml</path></users_xml></user_directories>
  <max_server_memory_usage>2000000000</max_server_memory_usage>
  <mark_cache_size>67108864</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <background_pool_size>2</background_pool_size>
  <background_merges_mutations_concurrency_ratio>8</background_merges_mutations_concurrency_ratio>
  <background_schedule_pool_size>8</background_schedule_pool_size>
  <default_profile>default</default_profile>
  <default_database>default</default_database>
</clickhouse>
"""

_USERS = """<clickhouse>
  <profiles>
    <default></default>
  </profiles>
  <quotas><default></default></quotas>
  <users>
    <{user}>
      <password>{password}</password>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <access_management>1</access_management>
    </{user}>
    <default>
      <password></password>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
    </default>
  </users>
</clickhouse>
"""


def server_xml(folder: Path, port: int, http_port: int) -> str:
    """Return the configuration of a server that keeps all that it has in ``folder``."""
    return _SERVER.format(folder=folder, port=port, http_port=http_port)


def users_xml(user: str, password: str) -> str:
    """Return the users of a server: one that may do all, and the server's own."""
    return _USERS.format(user=user, password=escape(password))
