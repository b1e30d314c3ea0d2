from retained import folder  # noqa: F401  a fixture
