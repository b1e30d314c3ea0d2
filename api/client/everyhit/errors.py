"""The one error that a client raises."""


class ApiError(Exception):
    """The server refused a request; ``code`` tells of what kind its complaint is."""

    def __init__(self, message: str, code: str = "api") -> None:
        self.code = code
        super().__init__(message)
