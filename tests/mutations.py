"""Deliberate breakages, each of which must turn its tests red.

``python -m tests.mutations [NAME…]`` copies the package, breaks it in one place, and runs the
tests that should notice; it names the breakages that nobody noticed. A new one is a new row.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
TIME_LIMIT = 120  # seconds; a breakage that hangs the tests is noticed, too


class Mutation(NamedTuple):
    """One breakage.

    Attributes:
        name: what is broken, a few words.
        file: below the package.
        old: text that occurs there exactly once.
        new: what it becomes.
        tests: arguments for pytest, paths below ``tests``.
    """

    name: str
    file: str
    old: str
    new: str
    tests: str


BUILD = [
    Mutation(
        "the name hashes the bytes before references are filled in",
        "build/link.py",
        "or names.fingerprinted(file.name, digest)",
        "or names.fingerprinted(file.name, file.digest)",
        "test_link.py -k renames_all",
    ),
    Mutation(
        "the integrity is that of the bytes before references are filled in",
        "build/link.py",
        "hashlib.sha256(data).hexdigest(), integrity(data), len(data)",
        "hashlib.sha256(data).hexdigest(), file.integrity, len(data)",
        "test_release.py -k sound",
    ),
    Mutation(
        "a cycle is named by the members that come first",
        "build/link.py",
        "for name in sorted(group):",
        "for name in sorted(group)[:1]:",
        "test_link.py -k renames_all",
    ),
    Mutation(
        "a cycle's name does not see what the cycle refers to",
        "build/link.py",
        'parts += [target, "" if target in members else self._output[target]]',
        'parts += [target, ""]',
        "test_link.py -k renames_all",
    ),
    Mutation(
        "members of a cycle share the group's hash",
        "build/link.py",
        "names.fingerprinted(name, key(digest, name))",
        "names.fingerprinted(name, digest)",
        "test_link.py -k names_of_their_own",
    ),
    Mutation(
        "a file that refers to itself is no cycle",
        "build/link.py",
        "if len(group) > 1 or group[0] in graph.get(group[0], ()):",
        "if len(group) > 1:",
        "test_link.py -k 'graph or itself'",
    ),
    Mutation(
        "queries and fragments are dropped",
        "build/link.py",
        "return Edit(reference.start, reference.end, url + quoted)",
        "return Edit(reference.start, reference.end, url)",
        "test_link.py -k becomes_a_relative",
    ),
    Mutation(
        "parentheses in a fragment are escaped",
        "build/link.py",
        "if quoted != tail:",
        "if False:",
        "test_link.py -k becomes_a_relative",
    ),
    Mutation(
        "what would end a url() is not escaped",
        "build/link.py",
        "reference.end, url + quoted)",
        "reference.end, url + tail)",
        "test_link.py -k becomes_a_relative",
    ),
    Mutation(
        "bare module specifiers are files",
        "build/link.py",
        'if role == "module" and not specifier.startswith(("./", "../", "/")):',
        'if role == "worker" and not specifier.startswith(("./", "../", "/")):',
        "test_link.py -k left_alone",
    ),
    Mutation(
        "a module specifier may become a bare one",
        "build/link.py",
        'return f"./{url}" if role == "module" and not',
        'return f"./{url}" if role == "worker" and not',
        "test_link.py -k becomes_a_relative",
    ),
    Mutation(
        "paths outside the public path are ours",
        "build/link.py",
        "if segments[:depth] != self._public:",
        "if False:",
        "test_link.py -k left_alone",
    ),
    Mutation(
        "the policy is not asked",
        "build/link.py",
        'is_error = policy == "error" and',
        'is_error = policy == "never" and',
        "test_link.py -k stop_the_release",
    ),
    Mutation(
        "a missing source map is an error",
        "build/link.py",
        ' and reference.role != "sourcemap"',
        "",
        "test_link.py -k source_map",
    ),
    Mutation(
        "the last link of a changed file is believed",
        "build/link.py",
        "elif last and last.link == link:",
        "elif last:",
        "test_incremental.py -k equals_a_clean",
    ),
    Mutation(
        "the last link is believed although a target has a new name",
        "build/link.py",
        "if output[target] != self._last[target].file:",
        "if False:",
        "test_incremental.py -k only_what_changed",
    ),
    Mutation(
        "the last link is believed although the settings changed",
        "build/pipeline.py",
        "last.settings != stamp.settings(self._config) or ",
        "",
        "test_incremental.py -k setting_that_matters",
    ),
    Mutation(
        "the last link is believed although a target appeared",
        "build/pipeline.py",
        " or last.records.keys() != prepared.keys()",
        "",
        "test_incremental.py -k 'appears or comes_between'",
    ),
    Mutation(
        "a warning of an unchanged file is forgotten",
        "build/pipeline.py",
        "if record.prepared is prepared[name] and record.linked.whole",
        "if record.prepared is prepared[name]",
        "test_incremental.py -k warned_of_again",
    ),
    Mutation(
        "the output folder is not looked at again after waiting",
        "build/__init__.py",
        "if output.signature(FILE_NAME) != current:",
        "if False:",
        "test_crash.py -k looks_again",
    ),
    Mutation(
        "a release's manifest is written first",
        "build/pipeline.py",
        "        self._pool.wait(_ENCODE, progress)\n        assets =",
        "        assets =",
        "test_release.py -k 'sound or sibling'",
    ),
    Mutation(
        "files are written in place",
        "build/output.py",
        'staged = self._path(f"{_STAGING}/{os.getpid()}-{next(_numbers)}")',
        "self._make_folder(os.path.dirname(file))\n            staged = self._path(file)",
        "test_crash.py -k killed_leaves",
    ),
    Mutation(
        "the manifest is replaced before files of fixed names",
        "build/output.py",
        "            for file, staged in sorted(self._held.items()):",
        "            self._place(last, manifest.FILE_NAME)\n            return\n"
        "            for file, staged in sorted(self._held.items()):",
        "test_link.py -k plain",
    ),
    Mutation(
        "files of fixed names are replaced before the commit",
        "build/output.py",
        "            if hold:\n",
        "            if hold and file == manifest.FILE_NAME:\n",
        "test_crash.py -k failure_keeps_plain",
    ),
    Mutation(
        "nobody locks",
        "build/output.py",
        "            self._wait_for(descriptor, timeout, waiting)\n",
        "",
        "test_crash.py -k 'waits or wait_for_ever'",
    ),
    Mutation(
        "a lock is waited for without a limit",
        "build/output.py",
        "if time.monotonic() >= deadline:",
        "if time.monotonic() >= deadline + 1000:",
        "test_crash.py -k wait_for_ever",
    ),
    Mutation(
        "earlier manifests are not kept",
        "build/output.py",
        "        self.put(history, data)\n",
        "",
        "test_release.py -k old_files_and_manifests",
    ),
    Mutation(
        "clean takes the current release for an old one",
        "build/output.py",
        "others = [path for path in history if path.stem != current.release]",
        "others = history[1:] + history[:1]",
        "test_release.py -k clean",
    ),
    Mutation(
        "clean forgets what older releases that it keeps still name",
        "build/output.py",
        "kept |= _files_of(manifest.load(path))",
        "kept |= set()",
        "test_release.py -k clean",
    ),
    Mutation(
        "gzip writes the time",
        "build/encode.py",
        "return bytes(deflate.gzip_compress(data, codec.level))",
        "import gzip\n\n        return gzip.compress(data)",
        "test_release.py -k 'gzip_header or best_levels'",
    ),
    Mutation(
        "a sibling is kept however little it saves",
        "build/encode.py",
        "return encoded if len(encoded) <= len(data) * _WORTH else None",
        "return encoded",
        "test_release.py -k sibling_is_kept",
    ),
    Mutation(
        "siblings are made of the smallest files",
        "build/encode.py",
        "MINIMUM_SIZE = 500",
        "MINIMUM_SIZE = 499",
        "test_release.py -k sibling_is_kept",
    ),
    Mutation(
        "a source map costs as much as what people fetch",
        "build/encode.py",
        '_MAP_LEVELS = {**_LEVELS, "br": 9}',
        "_MAP_LEVELS = _LEVELS",
        "test_release.py -k best_levels",
    ),
    Mutation(
        "equal contents are encoded again",
        "build/shipping.py",
        "                if len(self._waiting[task]) > 1:\n                    continue\n",
        "",
        "test_release.py -k encoded_once",
    ),
    Mutation(
        "a stale sibling is trusted",
        "build/shipping.py",
        "self._sizes[task] is None or (same and self._is_intact(sibling))",
        "self._sizes[task] is None or same",
        "test_incremental.py -k harmed",
    ),
    Mutation(
        "an altered output file is trusted",
        "build/shipping.py",
        "return seen is not None and seen == self._trusted.get(file)",
        "return seen is not None",
        "test_incremental.py -k harmed",
    ),
    Mutation(
        "a file of a fixed name is taken for the last build's",
        "build/shipping.py",
        "same = self._contents.get(file) == digest",
        "same = True",
        "test_incremental.py -k edited_plain",
    ),
    Mutation(
        "a user's own sibling is overwritten",
        "build/shipping.py",
        "if file + SIBLING_SUFFIXES[codec.coding] not in self._taken",
        "if True",
        "test_link.py -k keeps_its_bytes",
    ),
    Mutation(
        "a cache entry does not depend on the options",
        "build/transforms.py",
        'return f"{module} {self._options(name)}" if module else ""',
        'return f"{module}" if module else ""',
        "test_incremental.py -k setting_that_matters",
    ),
    Mutation(
        "a cache entry does not depend on the contents",
        "build/transforms.py",
        "kinds.load(module).version(), digest)",
        "kinds.load(module).version(), name)",
        "test_incremental.py -k hides_itself",
    ),
    Mutation(
        "a file that came minified is minified again",
        "build/transforms.py",
        "minify=self._minify and not keep,",
        "minify=self._minify,",
        "test_release.py -k came_minified",
    ),
    Mutation(
        "a cache entry is not checked when it is read",
        "build/cache.py",
        "return value if hashlib.sha256(value).digest() == data[:_DIGEST] else None",
        "return value",
        "test_cache.py -k damaged",
    ),
    Mutation(
        "parts of a key run together",
        "build/cache.py",
        '        digest.update(b"%d:" % len(data))\n',
        "",
        "test_cache.py -k different_parts",
    ),
    Mutation(
        "the cache's limit is not kept",
        "build/cache.py",
        "if total > limit:",
        "if False:",
        "test_cache.py -k limit_is_kept",
    ),
    Mutation(
        "the cache is not kept out of version control",
        "build/cache.py",
        '(".gitignore", "*\\n"), ',
        "",
        "test_cache.py -k version_control",
    ),
    Mutation(
        "times that may lie are trusted",
        "build/sources.py",
        "return max(int(modified), int(changed)) < now_ns",
        "return True or max(int(modified), int(changed)) < now_ns",
        "test_incremental.py -k one_tick",
    ),
    Mutation(
        "an edit that keeps size and time is not seen",
        "build/sources.py",
        'return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"',
        'return f"{status.st_size}-{status.st_mtime_ns}-0-0"',
        "test_incremental.py -k hides_itself",
    ),
    Mutation(
        ".well-known is ignored",
        "build/sources.py",
        '_HIDDEN_BUT_SHIPPED = ".well-known"',
        '_HIDDEN_BUT_SHIPPED = ".nothing"',
        "test_sources.py -k litter",
    ),
    Mutation(
        "links out of the root are followed",
        "build/sources.py",
        "if target != base and not target.startswith(base.rstrip(os.sep) + os.sep):",
        "if False:",
        "test_sources.py -k refused_with_its_path",
    ),
    Mutation(
        "a neighbour whose path only starts alike is inside the root",
        "build/sources.py",
        "target.startswith(base.rstrip(os.sep) + os.sep):",
        "target.startswith(base):",
        "test_sources.py -k refused_with_its_path",
    ),
    Mutation(
        "the output folder is a source",
        "build/sources.py",
        "if entry.path not in self._excluded:",
        "if True:",
        "test_sources.py -k 'never_sources or link_into'",
    ),
    Mutation(
        "one of two roots wins silently",
        "build/sources.py",
        "if one.name == other.name:",
        "if False:",
        "test_sources.py -k two_roots_claim",
    ),
    Mutation(
        "the stamp does not look at the output folder",
        "build/stamp.py",
        "for name, seen in sorted(output.items())],",
        "for name, seen in sorted(output.items()) if not name],",
        "test_incremental.py -k harmed",
    ),
    Mutation(
        "the stamp does not look at the configuration",
        "build/stamp.py",
        "{tools(config)}{settings(config)}",
        "{tools(config)}",
        "test_incremental.py -k setting_that_matters",
    ),
    Mutation(
        "the manifest has the order of a dictionary",
        "manifest.py",
        "for name, asset in sorted(assets.items())",
        "for name, asset in reversed(assets.items())",
        "test_release.py -k 'manifest or sorted'",
    ),
    Mutation(
        "a newer manifest is read as if it were known",
        "manifest.py",
        "if not isinstance(schema, int) or schema > SCHEMA:",
        "if not isinstance(schema, int):",
        "test_release.py -k cannot_be_read",
    ),
    Mutation(
        "the fingerprint stands behind the suffix",
        "names.py",
        'return f"{stem}.{digest[:HASH_LENGTH]}{suffix}"',
        'return f"{stem}{suffix}.{digest[:HASH_LENGTH]}"',
        "test_sources.py -k fingerprint_stands",
    ),
    Mutation(
        "a percent sign in a name is not escaped",
        "names.py",
        '_PATH_SAFE = "/!$&*+,;=:@~-._"',
        '_PATH_SAFE = "/!$%&*+,;=:@~-._"',
        "test_sources.py -k any_characters",
    ),
    Mutation(
        "text in another encoding is called UTF-8",
        "mediatypes.py",
        'if utf8 and kind.startswith("text/")',
        'if kind.startswith("text/")',
        "test_release.py -k content_type",
    ),
    Mutation(
        "the environment wins over flags",
        "build/config.py",
        "    values |= _from_environment(environment)\n"
        "    values |= {key: value for key, value in (flags or {}).items() if value is not None}\n",
        "    values |= {key: value for key, value in (flags or {}).items() if value is not None}\n"
        "    values |= _from_environment(environment)\n",
        "test_config.py -k in_this_order",
    ),
    Mutation(
        "an unknown key is ignored",
        "build/config.py",
        "if key not in _KEYS:",
        "if key == _KEYS:",
        "test_config.py -k unknown",
    ),
    Mutation(
        "a failed build's threads go on writing",
        "build/pool.py",
        "                thread.join()\n",
        "                pass\n",
        "test_crash.py -k no_thread",
    ),
]
"""The build side."""

MUTATIONS = [*BUILD]


def run(mutation: Mutation | None, tests: str) -> str:
    """Run tests on a copy of the package; return ``green``, ``red``, or what else happened."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        copy = Path(folder)
        for name in ("assetpipe", "tests"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        if mutation is not None:
            path = copy / "assetpipe" / mutation.file
            text = path.read_text("utf-8")
            if text.count(mutation.old) != 1:
                return f"does not apply: the text occurs {text.count(mutation.old)} times"
            path.write_text(text.replace(mutation.old, mutation.new), "utf-8")
        selection = [f"tests/{part}" if ".py" in part else part for part in shlex.split(tests)]
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", *selection],
                cwd=copy,
                env=os.environ | {"PYTHONPATH": str(copy)},
                capture_output=True,
                encoding="utf-8",
                timeout=TIME_LIMIT,
            )
        except subprocess.TimeoutExpired:
            return "red"
    outcome = {0: "green", 1: "red"}.get(done.returncode)
    return outcome or f"pytest ended with status {done.returncode}:\n{done.stdout}{done.stderr}"


@cache
def before(tests: str) -> str:
    """Run tests on the package as it is."""
    return run(None, tests)


def complaints(mutations: list[Mutation]) -> Iterator[str]:
    """Yield a sentence for each breakage that was not noticed, or could not be judged."""
    for mutation in mutations:
        unbroken = before(mutation.tests)
        if unbroken != "green":
            verdict = f"its tests are {unbroken} without it"
        else:
            outcome = run(mutation, mutation.tests)
            verdict = {"red": "", "green": "SURVIVED"}.get(outcome, outcome)
        print(f"{mutation.file}: {mutation.name}: {verdict or 'noticed'}", flush=True)
        if verdict:
            yield f"{mutation.name}: {verdict}"


def main() -> None:
    """Apply the breakages whose names contain one of the arguments, or all."""
    words = sys.argv[1:]
    chosen = [m for m in MUTATIONS if not words or any(word in m.name for word in words)]
    if not chosen:
        sys.exit("no breakage has such a name")
    survived = list(complaints(chosen))
    print(f"{len(chosen) - len(survived)} of {len(chosen)} breakages were noticed.")
    sys.exit(bool(survived))


if __name__ == "__main__":
    main()
