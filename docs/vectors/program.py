"""The program behind reference.py: computes every file, and compares or writes it."""

import json
import pathlib
import re
import sys

from accumulated import ITEMS, accumulated, accumulated_item
from nonce_vectors import nonce_vectors
from reference import Ring, RingError
from ring_vectors import ring_vectors

HERE = pathlib.Path(__file__).resolve().parent
DOCUMENT = HERE.parent / "wire-format.md"


def example_lines(vector):
    """The lines of section 11."""
    s = vector["sealed"]
    names = [
        "prk",
        "fingerprint",
        "info",
        "material",
        "aad",
        "iv_input",
        "iv_hmac",
        "iv",
        "plaintext",
        "ciphertext",
        "tag",
    ]
    lines = []
    for name in names:
        value = s[name]
        for start in range(0, len(value), 80):
            label = name if start == 0 else ""
            lines.append(f"{label:<12} {value[start : start + 80]}")
    lines.append(f"{'nonce':<12} {s['nonce']}")
    return "\n".join(lines)


def check_document(document, nonces):
    """What the document shows must be what this program computes."""
    problems = []
    block = re.search(r"```json\n(.*?)```", document, re.DOTALL)[1]
    try:
        if json.loads(block)["keys"][0].items() != nonces["rings"]["document"]["keys"][0].items():
            problems.append("wire-format.md: the ring of section 7 is not the vectors'")
        Ring(block.encode())
    except RingError as error:
        problems.append(f"wire-format.md: the ring of section 7 is refused: {error.kind}")
    if example_lines(nonces["vectors"][0]) not in document:
        problems.append("wire-format.md: the example of section 11 is not what is computed")
    return problems


def main(usage, arguments):
    if arguments[:1] == ["--item"]:
        accumulated_item(int(arguments[1]), show=print)
        return 0
    if arguments not in ([], ["--write"]):
        print(usage, file=sys.stderr)
        return 2
    files = {"nonces.json": nonce_vectors(), "rings.json": ring_vectors(), "accumulated.json": accumulated()}
    problems = []
    for name, content in files.items():
        text = json.dumps(content, indent=1, ensure_ascii=True) + "\n"
        if arguments == ["--write"]:
            (HERE / name).write_text(text)
        elif (HERE / name).read_text() != text:
            problems.append(f"{name}: not what is computed from the document")
    problems += check_document(DOCUMENT.read_text(encoding="utf-8"), files["nonces.json"])
    if "--write" in arguments and problems:
        print(example_lines(files["nonces.json"]["vectors"][0]))
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        return 1
    nonces = files["nonces.json"]["vectors"]
    accepted = sum(v["expect"]["verdict"] == "opened" for v in nonces)
    rings = files["rings.json"]["vectors"]
    good = sum(v["expect"] == "ok" for v in rings)
    print(f"nonces: {accepted} accepted, {len(nonces) - accepted} refused")
    print(f"ring files: {good} accepted, {len(rings) - good} refused")
    print(f"accumulated: {ITEMS} items, {files['accumulated.json']['sha256']}")
    return 0
