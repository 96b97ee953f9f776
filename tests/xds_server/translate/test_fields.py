"""Fields in pieces are the fields in order."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from xds_server.translate.fields import PIECE, Fields
from xds_server.translate.route_table import host_place


@given(st.randoms(use_true_random=False), st.integers(0, 6 * PIECE))
def test_pieces_are_the_fields_in_order(random: Random, changes: int) -> None:
    fields, content = Fields(), dict[str, bytes]()
    for _ in range(changes):
        hostname = f"{random.choice(['', '*.'])}{random.randrange(3 * PIECE)}.test"
        if hostname in content and random.random() < 0.4:
            fields.drop(host_place(hostname))
            del content[hostname]
        else:
            content[hostname] = random.randbytes(4)
            fields.put(host_place(hostname), content[hostname])
    assert b"".join(fields.pieces()) == b"".join(content[name] for name in sorted(content, key=host_place))


def test_a_change_leaves_the_other_pieces_as_they_are() -> None:
    fields = Fields()
    for n in range(10 * PIECE):
        fields.put((False, 0, f"{n:04}"), b"%d" % n)
    before = fields.pieces()
    fields.put((False, 0, "0000"), b"new")
    assert [old is new for old, new in zip(before, fields.pieces(), strict=True)].count(False) == 1


def test_what_was_handed_out_does_not_change() -> None:
    fields = Fields()
    fields.put((False, 0, "a"), b"old")
    before = fields.pieces()
    fields.put((False, 0, "a"), b"new")
    assert before == (b"old",)


def test_pieces_that_are_empty_go() -> None:
    fields = Fields()
    for n in range(4 * PIECE):
        fields.put((False, 0, f"{n:04}"), b"x")
    for n in range(4 * PIECE):
        fields.drop((False, 0, f"{n:04}"))
    assert fields.pieces() == ()
    fields.put((False, 0, "a"), b"x")
    assert fields.pieces() == (b"x",)
