"""JSON, source maps and web app manifests as files."""

from tests.mutations.model import Mutation

MUTATIONS = [
    Mutation(
        "JSON loses the spaces in strings",
        "kinds/json.py",
        r"""_TOKENS = compiled(r'(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^ \t\n\r"]++)++')""",
        r"""_TOKENS = compiled(r'[^ \t\n\r]++')""",
        "test_json.py -k white_space",
    ),
    Mutation(
        "an escaped quote ends a string of JSON",
        "kinds/json.py",
        r"""_TOKENS = compiled(r'(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^ \t\n\r"]++)++')""",
        r"""_TOKENS = compiled(r'(?:"[^"]*+"|[^ \t\n\r"]++)++')""",
        "test_json.py -k white_space",
    ),
    Mutation(
        "control characters count as JSON",
        "kinds/json.py",
        r"""_PLAIN = r'[^"\\\x00-\x1f]*+'""",
        r"""_PLAIN = r'[^"\\]*+'""",
        "test_json.py -k 'not_json or counts'",
    ),
    Mutation(
        "numbers of JSON may begin with zeros",
        "kinds/json.py",
        "-?(?:0|[1-9][0-9]*+)",
        "-?(?:[0-9]++)",
        "test_json.py -k not_json",
    ),
    Mutation(
        "a closing bracket may be any",
        "kinds/json.py",
        "while closers[-1] and chars.startswith(closers[-1], at):",
        'while closers[-1] and chars[at : at + 1] in ("]", "}"):',
        "test_json.py -k not_json",
    ),
    Mutation(
        "a guarded source map is read with its guard",
        "kinds/sourcemap/__init__.py",
        "guard.end() if guard else 0",
        "0",
        "test_json.py -k map",
    ),
    Mutation(
        "maps of other programs are noted",
        "kinds/sourcemap/__init__.py",
        "if not _LOOKS_LIKE_JSON.match(data):",
        "if not data:",
        "test_json.py -k map",
    ),
    Mutation(
        "a web app manifest's pages count as files",
        "kinds/webmanifest.py",
        '        ("icons", None, "src"),\n',
        '        ("icons", None, "src"),\n        ("start_url",),\n',
        "test_json.py -k manifest",
    ),
    Mutation(
        "a web app manifest's shortcuts are not followed",
        "kinds/webmanifest.py",
        '        ("shortcuts", None, "icons", None, "src"),\n',
        "",
        "test_json.py -k manifest",
    ),
    Mutation(
        "a name in JSON stays escaped",
        "kinds/json.py",
        '    if "\\\\" not in literal:\n',
        "    if literal:\n",
        "test_json.py -k 'manifest or names'",
    ),
]
