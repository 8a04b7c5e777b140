"""What AWS answers when it refuses: error codes of Secrets Manager, all with HTTP status 400."""

from moto.core.exceptions import JsonRESTError


class Refusal(JsonRESTError):
    """An answer that says no; moto's server turns it into AWS's JSON."""

    code = 400

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)


def not_found(message: str = "Secrets Manager can't find the specified secret.") -> Refusal:
    return Refusal("ResourceNotFoundException", message)


def invalid_request(message: str) -> Refusal:
    return Refusal("InvalidRequestException", message)


def invalid_parameter(message: str) -> Refusal:
    return Refusal("InvalidParameterException", message)


def validation(message: str) -> Refusal:
    """A value that breaks the service model's own bounds."""
    return Refusal("ValidationException", f"1 validation error detected: {message}")


def exists(message: str) -> Refusal:
    return Refusal("ResourceExistsException", message)


def marked_deleted() -> Refusal:
    return invalid_request("You can't perform this operation on the secret because it was marked for deletion.")
