# Makes cases.json: bytes of a file (hex), the text that Python reads from them, and how many bytes it drops.
# Python's text mode with errors="ignore" (which joins CR LF after dropping), U+2028 and U+2029 as line feeds, the byte
# order mark at the start left out. Run: python3 make.py
import io
import json
import random

random.seed(20240117)
ATOMS = [
    b"a", b"plain ASCII text, long enough for whole words. ", b"\r", b"\n", b"\r\n", b"\x00", b"\x7f",
    b"\xe2\x80\xa8", b"\xe2\x80\xa9", b"\xe2\x80\xaa", b"\xe2\x80\xa7", b"\xe2\x80", b"\xe2", b"\xef\xbb\xbf", b"\xef\xbb",
    b"\xed\xa0\x80", b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xf0\x9f\x98\x80", b"\xf0\x9f\x98", b"\xf0\x8f\xbf\xbf",
    b"\xf0\x90\x80\x80", b"\xf4\x90\x80\x80", b"\xf4\x8f\xbf\xbf", b"\xc0\xaf", b"\xc1\x80", b"\xc2\x80", b"\xdf\xbf",
    b"\x80", b"\xbf", b"\xe0\x9f\xbf", b"\xe0\xa0\x80", b"\xff", b"\xfe", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80",
    "日本語の文章".encode(), "été, où".encode(), "привет мир".encode(), "👩‍👩‍👧".encode(),
]


def case(data: bytes) -> dict:
    body = data[3:] if data.startswith(b"\xef\xbb\xbf") else data
    text = io.TextIOWrapper(io.BytesIO(body), encoding="utf-8", errors="ignore").read()
    dropped = len(body) - len(body.decode("utf-8", "ignore").encode())
    return {"hex": data.hex(), "text": text.replace("\u2028", "\n").replace("\u2029", "\n"), "dropped": dropped}


cases = [b"x" + atom for atom in ATOMS] + [atom for atom in ATOMS if case(atom)["text"]]
cases += [b"x" + b"".join(random.choice(ATOMS) for _ in range(random.choice([3, 6, 12]))) for _ in range(160)]
cases += [b"\xef\xbb\xbf\xef\xbb\xbfx", b"\xef\xbbx", b"\xff\xef\xbb\xbfx", b"x\r\xff\n", b"\r\xff\r\xff\n", b"x\r\xe2\x80\xa8\n"]
cases += [bytes([lead, second, 0x80, 0xBF, 0x41]) for lead in range(0xDF, 0xF6) for second in (0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0)]
with open("cases.json", "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(case(data)) for data in cases) + "\n]\n")
