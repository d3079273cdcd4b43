"""How terms are refused."""


class TermsInvalid(ValueError):
    """A draft or file that cannot be read as terms. `path` names the place, `message` what is wrong with it."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path or '.'}: {message}")
        self.path = path
        self.message = message
