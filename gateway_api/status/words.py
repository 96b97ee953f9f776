"""What a proxy says of a resource that it refuses → what of it belongs into a status."""

MAX_LENGTH = 500


def of_envoy(message: str) -> str:
    """Return what is wrong, without the whole resource that Envoy may print with it: it holds what others wrote.

    Spec: Envoy v1.40 ProtoValidationException, "Proto constraint validation failed (…): …"
    """
    before, _, what = message.partition("Proto constraint validation failed ")
    if what:
        message = before + what.partition("): ")[0].removeprefix("(")
    return message[:MAX_LENGTH]
