from importlib.util import find_spec

if find_spec("amaranth") is None:  # the extra fpga isn't installed
    collect_ignore_glob = ["*"]
