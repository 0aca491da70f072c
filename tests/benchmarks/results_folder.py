"""Ways in which a file of a results folder may be damaged."""


def _changed(whole, place):
    return whole[:place] + bytes([whole[place] ^ 128]) + whole[place + 1 :]


DAMAGE = {
    "empty": lambda _: b"",
    "garbage": lambda _: b"what is this\n" * 20,
    "binary": lambda _: bytes(range(256)) * 9,
    "zeros": lambda whole: bytes(len(whole)),
    "null": lambda _: b"null\n",
    "list": lambda _: b'[1, "two", null]\n',
    "number": lambda _: b"7\n",
    "string": lambda _: b'"done"\n',
    "true": lambda _: b"true\n",
    "no keys": lambda _: b"{}\n",
    "nested": lambda _: b"[" * 100_000,
    "digits": lambda _: b"9" * 5_000,
    "half": lambda whole: whole[: len(whole) // 2],
    "last bytes missing": lambda whole: whole[:-9],
    "first bytes missing": lambda whole: whole[9:],
    "twice": lambda whole: whole * 2,
    "a byte changed": lambda whole: _changed(whole, len(whole) // 2),
}
