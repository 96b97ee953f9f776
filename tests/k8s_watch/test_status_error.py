"""What an API server, or whoever stands before it, answers instead of what was asked for."""

import pytest

from k8s_watch.status_error import status_error


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"kind": "Status", "message": "no", "reason": "Forbidden"}', "no"),
        (b"<html>down</html>", "<html>down</html>"),
        (b'{"message":"caf\xe9"}', '{"message":"caf\ufffd"}'),
        (b"", ""),
    ],
)
def test_an_answer_of_any_sort_is_an_error_with_its_words(body: bytes, message: str) -> None:
    assert message in str(status_error(502, body))
    assert status_error(502, body).code == 502
