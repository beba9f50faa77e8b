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
        "a release made again keeps its old place in the history",
        "build/output.py",
        "        self._renew(history)\n",
        "",
        "test_release.py -k made_again",
    ),
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
        "if waited or output.signature(FILE_NAME) != current:",
        "if False:",
        "test_crash.py -k looks_again",
    ),
    Mutation(
        "a release's manifest is written first",
        "build/pipeline.py",
        "        self._pool.wait(_ENCODE, progress)\n        known =",
        "        known =",
        "test_release.py -k 'sound or sibling'",
    ),
    Mutation(
        "files are written in place",
        "build/output.py",
        'staged = self._path(f"{_STAGING}/{os.getpid()}-{next(_numbers)}")',
        "self._make_folder(os.path.dirname(file))\n            staged = self._path(file)",
        "test_crash.py -k failure_keeps_plain",
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
        "waited = self._wait_for(descriptor, timeout, waiting)",
        "waited = False",
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
        "same = last_digest == digest",
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
        "for coding, size in sorted(encodings.items())",
        "for coding, size in reversed(list(encodings.items()))",
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

CSS = [
    Mutation(
        "the space of a descendant with a pseudo-class is lost",
        "kinds/css/minify.py",
        r"{_GAP}(?=[,)\]]|\Z)",
        r"{_GAP}(?=[,:)\]]|\Z)",
        "test_css.py::test_minifying",
    ),
    Mutation(
        "a comment that alone keeps two tokens apart is lost",
        "kinds/css/minify.py",
        'else "/**/"',
        'else ""',
        "test_css.py::test_minifying",
    ),
    Mutation(
        "a comma that is part of a name loses its gap",
        "kinds/css/minify.py",
        r"(?<=(?<!\\)[,(\[]){_GAP}",
        r"(?<=[,(\[]){_GAP}",
        "test_css.py::test_minifying",
    ),
    Mutation(
        "a custom property's white space is lost",
        "kinds/css/minify.py",
        'return _custom_property(text) if text.startswith("--") else _declaration(text)',
        "return _declaration(text)",
        "test_css.py::test_minifying",
    ),
    Mutation(
        "a custom property of white space becomes empty",
        "kinds/css/minify.py",
        "if not _NO_VALUE.match(value):",
        "if True:",
        "test_css.py::test_minifying",
    ),
    Mutation(
        "a space that ends an escape is lost",
        "kinds/css/minify.py",
        r'value.lstrip(WHITE) if "\\" in value else value.strip(WHITE)',
        "value.strip(WHITE)",
        "test_css.py::test_minifying",
    ),
    Mutation(
        "a sum in calc() loses a space",
        "kinds/css/minify.py",
        '_VALUE = _gaps(rf"| ',
        r'_VALUE = _gaps(rf"| (?<=\+){_GAP} | ',
        "test_css.py::test_minifying",
    ),
    Mutation(
        "`u + a` becomes a unicode range",
        "kinds/css/minify.py",
        r"(?<=(?<![\\Uu])\+){_GAP}",
        r"(?<=\+){_GAP}",
        "test_css.py::test_minifying",
    ),
    Mutation(
        "strings are shortened",
        "kinds/css/minify.py",
        '_VERBATIM = rf"{STRING} | ',
        '_VERBATIM = rf"',
        "test_css.py::test_minifying",
    ),
    Mutation(
        "licences are lost",
        "kinds/css/minify.py",
        "                    out += _kept_comments(lead)\n",
        "                    pass\n",
        "test_css.py::test_minifying",
    ),
    Mutation(
        "a bracket that is never closed is not noticed",
        "kinds/css/minify.py",
        'raise _OddError(f"a {expected[-1]} is missing")',
        "expected.clear()",
        "test_css.py -k broken_sheets",
    ),
    Mutation(
        "a block that is never closed is not noticed",
        "kinds/css/minify.py",
        'raise _OddError("this block is never closed")',
        "pass",
        "test_css.py -k broken_sheets",
    ),
    Mutation(
        "an at-rule behind a mark of old HTML is a selector",
        "kinds/css/minify.py",
        'text.startswith(("<!--", "-->")) else',
        'text.startswith("<!---->") else',
        "test_css.py::test_minifying",
    ),
    Mutation(
        "an encoding that was declared too late counts",
        "kinds/css/minify.py",
        'return f" {short}"',
        "return short",
        "test_css.py -k change_the_encoding",
    ),
    Mutation(
        "the other minifier's text is trusted",
        "kinds/css/__init__.py",
        "return theirs if len(theirs) < len(ours) and _is_same(theirs, ours) else ours",
        "return theirs",
        "test_css.py::test_minifying",
    ),
    Mutation(
        "a stylesheet in another encoding is minified",
        "kinds/css/__init__.py",
        'if text.encoding != "utf-8" or not (encoding == "utf-8" or plain):',
        "if False:",
        "test_css.py -k change_the_encoding",
    ),
    Mutation(
        "the second byte of a Shift JIS character is a backslash",
        "kinds/css/__init__.py",
        "if _SHIFT_JIS.match(label):",
        "if False:",
        "test_css.py -k encoding_of_the_file",
    ),
    Mutation(
        "a stylesheet's source map survives other columns",
        "kinds/css/__init__.py",
        "if chars is not text.chars or any(_may_change(found) for found in links):",
        "if False:",
        "test_css.py -k source_map",
    ),
    Mutation(
        "any comment may name a stylesheet's source map",
        "kinds/css/scan.py",
        "if comment is None or not _TO_THE_END.match(self._chars, comment.end()):",
        "if comment is None:",
        "test_css.py -k source_map",
    ),
    Mutation(
        "comments of a stylesheet are searched for files",
        "kinds/css/scan.py",
        r"(?!/\*[#@])(?:{_OPEN_COMMENT}) | /(?!\*)",
        "/",
        "test_css.py::test_references_are_found",
    ),
    Mutation(
        "strings of a stylesheet are searched for files",
        "kinds/css/scan.py",
        r"""(?: [^"'/\\(@]++ | {_OPEN_STRING} | """,
        r"(?: [^/\\(@]++ | ",
        "test_css.py::test_references_are_found",
    ),
    Mutation(
        "any string inside image-set() is a file",
        "kinds/css/scan.py",
        'case "string" if self._depth == 1:',
        'case "string":',
        "test_css.py::test_references_are_found",
    ),
    Mutation(
        "a condition of an @import is loaded",
        "kinds/css/scan.py",
        "return prelude.end() if prelude else position",
        "return position",
        "test_css.py::test_references_are_found",
    ),
    Mutation(
        "escapes in a URL are not resolved",
        "kinds/css/scan.py",
        "specifier = unescape(self._chars[start:end]).strip(WHITE)",
        "specifier = self._chars[start:end].strip(WHITE)",
        "test_css.py::test_references_are_found",
    ),
    Mutation(
        "places are counted in characters",
        "kinds/text.py",
        "offset += len(self.chars[at:position].encode(self.encoding))",
        "offset += position - at",
        "test_css.py -k fits_in_the_place",
    ),
    Mutation(
        "a byte order mark is not counted",
        "kinds/text.py",
        "return [position + self.bom for position in positions]",
        "return positions",
        "test_css.py -k encoding_of_the_file",
    ),
    Mutation(
        "UTF-16 of ASCII characters has one byte each",
        "kinds/text.py",
        'ascii=encoding == "utf-8" and chars.isascii()',
        "ascii=chars.isascii()",
        "test_css.py -k encoding_of_the_file",
    ),
]
"""Stylesheets."""

JS = [
    Mutation(
        "a line break after an arrow function's body is lost",
        "kinds/js/minify.py",
        "k.CLOSE_PARAMETERS, k.CLOSE_MEMBER, k.OPEN_CLASS,",
        "k.CLOSE_PARAMETERS, k.CLOSE_MEMBER, k.OPEN_CLASS, k.CLOSE_ARROW,",
        "test_js.py -k line_breaks_that",
    ),
    Mutation(
        "a declared name is called by the next line",
        "kinds/js/minify.py",
        "return before in _OPERAND_BEHIND and (before != k.COMMA or kind == k.LITERAL)",
        "return True",
        "test_js.py -k line_breaks_that",
    ),
    Mutation(
        "a second declared name is called by the next line",
        "kinds/js/minify.py",
        "return before in _OPERAND_BEHIND and (before != k.COMMA or kind == k.LITERAL)",
        "return before in _OPERAND_BEHIND",
        "test_js.py -k line_breaks_that",
    ),
    Mutation(
        "a line break after return is lost",
        "kinds/js/minify.py",
        ") - {k.RETURN, k.EXPORT, k.EXPORT_DEFAULT}",
        ") - {k.EXPORT, k.EXPORT_DEFAULT}",
        "test_js.py -k line_breaks_that",
    ),
    Mutation(
        "a line break between two fields is lost",
        "kinds/js/minify.py",
        "return before not in _MEMBER_BEGINS_AFTER and after not in _MEMBER_CONTINUES",
        "return False",
        "test_js.py -k line_breaks_that",
    ),
    Mutation(
        "a field ends where its initialiser goes on",
        "kinds/js/context.py",
        "            self.kinds[index] = BREAK_AT_MEMBER\n",
        "            pass\n",
        "test_js.py -k line_breaks_that",
    ),
    Mutation(
        "`++` in a new line belongs to the line before",
        "kinds/js/context.py",
        "postfix = not self._broken(index) and (",
        "postfix = (",
        "test_js.py -k 'line_breaks_that or told_by_context'",
    ),
    Mutation(
        "a line break in a comment is none",
        "kinds/js/tokens.py",
        "LINE_BREAK.search(piece)",
        "LINE_BREAK.match(piece)",
        "test_js.py -k line_breaks_that",
    ),
    Mutation(
        "U+2028 is no line break",
        "kinds/js/lexical.py",
        r'_NEWLINE = r"\n\r\u2028\u2029"',
        r'_NEWLINE = r"\n\r"',
        "test_js.py -k 'test_tokens or line_breaks_that'",
    ),
    Mutation(
        "two plus signs meet",
        "kinds/js/minify.py",
        'frozenset("()[]{},;:~@',
        'frozenset("+()[]{},;:~@',
        "test_js.py -k would_merge",
    ),
    Mutation(
        "a number takes the dot of its method",
        "kinds/js/minify.py",
        'apart = None if second == "." else False',
        "apart = False",
        "test_js.py -k would_merge",
    ),
    Mutation(
        "a division and a regex become a comment",
        "kinds/js/minify.py",
        'return second[0] in "/*=" or len(first) > 1',
        "return len(first) > 1",
        "test_js.py -k would_merge",
    ),
    Mutation(
        "an HTML comment is made of two operators",
        "kinds/js/minify.py",
        'if first[-1] + second[0] in ("<!", "!-"):',
        "if not first:",
        "test_js.py -k would_merge",
    ),
    Mutation(
        "a division and a comment that stays become another comment",
        "kinds/js/minify.py",
        'if tokens.pieces[index - 1].endswith("/"):',
        "if False:",
        "test_js.py -k important_comments",
    ),
    Mutation(
        "licences of a script are lost",
        "kinds/js/minify.py",
        'if comment.startswith("/*!")]',
        'if comment.startswith("//!")]',
        "test_js.py -k important_comments",
    ),
    Mutation(
        "a hashbang takes the first line along",
        "kinds/js/minify.py",
        "    if pieces[0]:\n",
        "    if False:\n",
        "test_js.py -k important_comments",
    ),
    Mutation(
        "a slash after the head of an if is a division",
        "kinds/js/context.py",
        "frame.closed = CLOSE_HEAD",
        "frame.closed = CLOSE_PAREN",
        "test_js.py -k told_by_context",
    ),
    Mutation(
        "a word behind a dot is no name",
        "kinds/js/context.py",
        "if self.top.names or self.kinds[before] == DOT or exported:",
        "if self.top.names or exported:",
        "test_js.py -k told_by_context",
    ),
    Mutation(
        "a slash behind a block is a division",
        "kinds/js/context.py",
        'frame = Frame("block", self._last_closed.body)',
        'frame = Frame("block", CLOSE_BRACE)',
        "test_js.py -k told_by_context",
    ),
    Mutation(
        "any brace ends a template's hole",
        "kinds/js/tokens.py",
        '(first == "}" and walk.top.kind == "hole")',
        '(first == "}" and holes)',
        "test_js.py -k told_by_context",
    ),
    Mutation(
        "a slash in a class ends a regex",
        "kinds/js/lexical.py",
        r'rf"/(?:[^/\\\[{_NEWLINE}]++|',
        r'rf"/(?:[^/\\{_NEWLINE}]++|',
        "test_js.py -k told_by_context",
    ),
    Mutation(
        "HTML comments are operators",
        "kinds/js/tokens.py",
        "if not tokens.module:",
        "if False:",
        "test_js.py -k not_certain_is_refused",
    ),
    Mutation(
        "JSX is taken for JavaScript",
        "kinds/js/context.py",
        "if kind in OPERAND_NEXT or kind in STATEMENT_NEXT:\n            raise",
        "if kind == KINDS:\n            raise",
        "test_js.py -k not_certain",
    ),
    Mutation(
        "what is not certain is minified without a note",
        "kinds/js/__init__.py",
        "(*notes, _note(text, unsure))",
        "notes",
        "test_js.py -k not_certain",
    ),
    Mutation(
        "a script loses its byte order mark",
        "kinds/js/__init__.py",
        "body = data[: text.bom] + printed.encode()",
        "body = printed.encode()",
        "test_js.py -k byte_order_mark",
    ),
    Mutation(
        "a script in another encoding is minified",
        "kinds/js/__init__.py",
        'minify = options.minify and text.encoding == "utf-8" and',
        "minify = options.minify and",
        "test_js.py -k 'unchanged or utf16'",
    ),
    Mutation(
        "a script's source map survives new names",
        "kinds/js/__init__.py",
        "if any(hit.is_local() for hit in found):",
        "if False:",
        "test_js.py -k source_map",
    ),
    Mutation(
        "a source map may be named inside a template",
        "kinds/js/references.py",
        """if any(mark in line for mark in ("`", "*/", '"', "'")):""",
        "if False:",
        "test_js.py -k left_alone",
    ),
    Mutation(
        "a computed import is a file",
        "kinds/js/references.py",
        'if index is not None and tokens.pieces[next(_after(tokens, index), -1)] in (",", ")"):',
        "if index is not None:",
        "test_js.py -k left_alone",
    ),
    Mutation(
        "any function named URL gives a file",
        "kinds/js/references.py",
        "if argument is None or not _is_constructed(tokens, index):",
        "if argument is None:",
        "test_js.py -k left_alone",
    ),
    Mutation(
        "importScripts counts in any function",
        "kinds/js/references.py",
        "if outside or worker:",
        "if True:",
        "test_js.py -k left_alone",
    ),
    Mutation(
        "importScripts counts in a page",
        "kinds/js/references.py",
        "or (not worker and _PAGE & set(tokens.pieces))",
        "",
        "test_js.py -k left_alone",
    ),
    Mutation(
        "a quoted name of an import is a module",
        "kinds/js/references.py",
        'tokens.pieces[before] == "from" or (first and kinds[index] == k.IMPORT)',
        "True",
        "test_js.py -k references_are_found",
    ),
    Mutation(
        "escapes in a specifier are not resolved",
        "kinds/js/references.py",
        r'if "\\" not in inside:',
        "if inside:",
        "test_js.py -k 'string_values'",
    ),
]
"""Scripts."""

SERVE = [
    Mutation(
        "a coding of weight zero is sent",
        "serve/fields.py",
        "= float(match[1])",
        "= float(match[1]) or 1.0",
        "test_serve.py -k over_http",
    ),
    Mutation(
        "a coding that nobody named is sent",
        "serve/fields.py",
        "unnamed = _UNNAMED if coding == IDENTITY else 0.0",
        "unnamed = _UNNAMED",
        "test_serve.py -k over_http",
    ),
    Mutation(
        "a coding is sent although none is acceptable",
        "serve/fields.py",
        "return best if weight(best) else IDENTITY",
        "return best",
        "test_serve.py -k over_http",
    ),
    Mutation(
        "a star names no coding",
        "serve/fields.py",
        'weights.get("*", unnamed)',
        "unnamed",
        "test_serve.py -k over_http",
    ),
    Mutation(
        "If-None-Match is one entity tag",
        "serve/fields.py",
        " or any(tag == etag for _, tag in _tags(field))",
        "",
        "test_serve.py -k over_http",
    ),
    Mutation(
        "If-Match takes weak entity tags",
        "serve/fields.py",
        "any(not weak and tag == etag for weak, tag in",
        "any(tag == etag for _, tag in",
        "test_serve.py -k over_http",
    ),
    Mutation(
        "a range ends one byte early",
        "serve/fields.py",
        "min(int(last) + 1, size)",
        "min(int(last), size)",
        "test_serve.py -k over_http",
    ),
    Mutation(
        "more last bytes than there are begin before the file",
        "serve/fields.py",
        "range(max(0, size - int(suffix)), size)",
        "range(size - int(suffix), size)",
        "test_serve.py -k over_http",
    ),
    Mutation(
        "a range backwards is a range",
        "serve/fields.py",
        "if last and int(last) < int(first):",
        "if False:",
        "test_serve.py -k over_http",
    ),
    Mutation(
        "Content-Range names the byte behind the last",
        "serve/static.py",
        "{part.start}-{part.stop - 1}/{size}",
        "{part.start}-{part.stop}/{size}",
        "test_serve.py -k over_http",
    ),
    Mutation(
        "a part is sent from the start of the file",
        "serve/static.py",
        "        file.seek(part.start)\n",
        "",
        "test_serve.py -k over_http",
    ),
    Mutation(
        "more than the range is sent",
        "serve/static.py",
        "self.file.read(min(left, CHUNK))",
        "self.file.read(CHUNK)",
        "test_flask.py -k file_wrapper",
    ),
    Mutation(
        "encodings share an entity tag",
        "serve/static.py",
        'etag = f"{etag}-{coding}-{size}"',
        'etag = f"{etag}"',
        "test_serve.py -k over_http",
    ),
    Mutation(
        "encoders share an entity tag",
        "serve/static.py",
        'etag = f"{etag}-{coding}-{size}"',
        'etag = f"{etag}-{coding}"',
        "test_serve.py -k another_compression",
    ),
    Mutation(
        "a plain file may be kept for a year",
        "serve/static.py",
        "asset.file: (asset, _FOREVER if asset.immutable else _REVALIDATE)",
        "asset.file: (asset, _FOREVER)",
        "test_serve.py -k over_http",
    ),
    Mutation(
        "a logical name may be kept for a year",
        "serve/static.py",
        "{name: (asset, _REVALIDATE) for",
        "{name: (asset, _FOREVER) for",
        "test_serve.py -k over_http",
    ),
    Mutation(
        "what is not found may be kept",
        "serve/static.py",
        '(("Content-Length", "0"), _NEVER, *headers',
        '(("Content-Length", "0"), *headers',
        "test_serve.py -k missing_file",
    ),
    Mutation(
        "a cache may give encoded bytes to everyone",
        "serve/static.py",
        "vary: Headers = (_VARY,) if len(sizes) > 1 else ()",
        "vary: Headers = ()",
        "test_serve.py -k over_http",
    ),
    Mutation(
        "a refusal says nothing of encodings",
        "serve/static.py",
        "return _empty(412, *self.vary)",
        "return _empty(412)",
        "test_serve.py -k over_http",
    ),
    Mutation(
        "a 304 has a body",
        "serve/static.py",
        "return Response(304, self.policy)",
        "return Response(304, self.policy, Body(io.FileIO(self.path), self.size))",
        "test_serve.py -k 304_is_bare",
    ),
    Mutation(
        "a 304 describes a body",
        "serve/static.py",
        "return Response(304, self.policy)",
        "return Response(304, self.content + self.policy)",
        "test_serve.py -k 304_is_bare",
    ),
    Mutation(
        "If-Range is ignored",
        "serve/static.py",
        'if wanted is None or headers.get("if-range") not in (None, self.etag):',
        "if wanted is None:",
        "test_serve.py -k over_http",
    ),
    Mutation(
        "HEAD has ranges",
        "serve/static.py",
        "return _without_body(self._read(entry, coding, {}))",
        "return _without_body(self._read(entry, coding, headers))",
        "test_serve.py -k over_http",
    ),
    Mutation(
        "HEAD has a body",
        "serve/static.py",
        "return _without_body(self._read(entry, coding, {}))",
        "return self._read(entry, coding, {})",
        "test_serve.py -k another_size",
    ),
    Mutation(
        "any method is allowed",
        "serve/static.py",
        'if method not in ("GET", "HEAD"):',
        "if False:",
        "test_serve.py -k methods_without",
    ),
    Mutation(
        "a manifest leads out of the folder",
        "serve/static.py",
        "if named is None or _FOREIGN.search(named[0].file):",
        "if named is None:",
        "test_serve.py -k opens_no_door",
    ),
    Mutation(
        "only the start of a path may lead out of the folder",
        "serve/static.py",
        r'r"(?:^|[/\\])\.{0,2}(?:',
        r'r"^\.{0,2}(?:',
        "test_serve.py -k opens_no_door",
    ),
    Mutation(
        "a missing sibling is not found",
        "serve/static.py",
        "for candidate in dict.fromkeys((coding, IDENTITY)):",
        "for candidate in (coding,):",
        "test_serve.py -k missing_sibling",
    ),
    Mutation(
        "a newer file has the old entity tag",
        "serve/static.py",
        "if size != self.size:",
        "if size < 0:",
        "test_serve.py -k another_size",
    ),
    Mutation(
        "plain files of earlier releases may be kept for ever",
        "serve/static.py",
        " for asset in assets if asset.immutable)",
        " for asset in assets)",
        "test_serve.py -k before_a_deploy",
    ),
    Mutation(
        "a logical name wins over an output file",
        "serve/static.py",
        "        for asset in assets.values()\n    }\n",
        "        for asset in assets.values()\n    } | by_name\n",
        "test_serve.py -k output_file_wins",
    ),
    Mutation(
        "browsers may guess the type",
        "serve/static.py",
        '    ("X-Content-Type-Options", "nosniff"),\n',
        "",
        "test_serve.py -k over_http",
    ),
    Mutation(
        "a URL is not percent-encoded",
        "serve/resolver.py",
        "self._base + url_path(file)",
        "self._base + file",
        "test_serve.py -k both_resolvers",
    ),
    Mutation(
        "the wrong configuration file wins",
        "serve/project.py",
        '("assetpipe.toml", "pyproject.toml")',
        '("pyproject.toml", "assetpipe.toml")',
        "test_serve.py -k configuration_says",
    ),
    Mutation(
        "modules have a type that browsers refuse",
        "mediatypes.py",
        '".mjs": "text/javascript"',
        '".mjs": DEFAULT',
        "test_release.py -k content_type",
    ),
]
"""The run side without a framework."""

FLASK = [
    Mutation(
        "the CDN is ignored",
        "flask.py",
        "on_cdn=cdn_url is not None",
        "on_cdn=False",
        "test_flask.py::test_url_for",
    ),
    Mutation(
        "an unknown name is no error when strict",
        "flask.py",
        "            if state.strict:\n                raise\n",
        "",
        "test_flask.py -k when_strict",
    ),
    Mutation(
        "an unknown name is warned of each time",
        "flask.py",
        "            state.warned.add(name)\n",
        "",
        "test_flask.py -k warned_of_once",
    ),
    Mutation(
        "warnings have no end",
        "flask.py",
        "(name in state.warned or len(state.warned) >= _MOST_WARNINGS)",
        "name in state.warned",
        "test_flask.py -k fill_the_log",
    ),
    Mutation(
        "a blueprint's prefix is ignored",
        "flask.py",
        'prefix = state.prefixes.get(name, name.replace(".", "/"))',
        'prefix = name.replace(".", "/")',
        "test_flask.py::test_url_for",
    ),
    Mutation(
        "a nested blueprint's folder has a dot",
        "flask.py",
        'prefix = state.prefixes.get(name, name.replace(".", "/"))',
        "prefix = state.prefixes.get(name, name)",
        "test_flask.py::test_url_for",
    ),
    Mutation(
        "arguments of a blueprint's path get into the query",
        "flask.py",
        "for argument in mount.arguments:",
        "for argument in ():",
        "test_flask.py::test_url_for",
    ),
    Mutation(
        "a stranger's blueprint is ours",
        "flask.py",
        "if not any(asset.startswith(prefix) for asset in state.names):",
        "if False:",
        "test_flask.py -k leave_it_alone",
    ),
    Mutation(
        "a blueprint without files has a static endpoint",
        "flask.py",
        "if prefix is None or not self._app.blueprints[name].has_static_folder:",
        "if prefix is None:",
        "test_flask.py -k without_a_static_folder",
    ),
    Mutation(
        "a new release is looked for in production",
        "flask.py",
        "watched=path if _auto_reload(app) else None",
        "watched=path",
        "test_flask.py -k not_looked_for",
    ),
    Mutation(
        "auto-reload does not reload",
        "flask.py",
        "watched=path if _auto_reload(app) else None",
        "watched=None",
        "test_flask.py -k auto_reload",
    ),
    Mutation(
        "a broken new release takes the app down",
        "flask.py",
        "            if previous is None:\n                raise",
        "            if True:\n                raise",
        "test_flask.py -k auto_reload",
    ),
    Mutation(
        "debug serves the release",
        "flask.py",
        'return mode or ("source" if app.debug else "manifest")',
        'return mode or "manifest"',
        "test_flask.py -k 'mode_is_read or debug'",
    ),
    Mutation(
        "the mode that is configured is ignored in debug",
        "flask.py",
        'return mode or ("source" if app.debug else "manifest")',
        'return "source" if app.debug else mode or "manifest"',
        "test_flask.py::test_url_for",
    ),
    Mutation(
        "parts of a file go through the server's wrapper",
        "flask.py",
        "if answer.body is not None and answer.status == 200:",
        "if answer.body is not None:",
        "test_flask.py -k file_wrapper",
    ),
    Mutation(
        "a missing page may be kept",
        "flask.py",
        "            after_this_request(_forbid_storing)\n",
        "",
        "test_flask.py -k own_page",
    ),
    Mutation(
        "an unknown key is ignored by the extension",
        "flask.py",
        "if not key.startswith(_PREFIX):",
        "if key not in _KEYS:",
        "test_flask.py -k wrong_configuration",
    ),
    Mutation(
        "a template environment keeps the old function",
        "flask.py",
        '        environment.globals["url_for"] = new\n',
        "        pass\n",
        "test_flask.py -k made_before",
    ),
    Mutation(
        "defaults of the app's URLs are lost on a CDN",
        "flask.py",
        "if self._app.url_default_functions:",
        "if False:",
        "test_flask.py -k url_defaults",
    ),
    Mutation(
        "each thread reads the manifest",
        "flask.py",
        "                if state is None or state.is_stale():\n",
        "                if True:\n",
        "test_flask.py -k threads",
    ),
    Mutation(
        "a guard of the app's own is lost silently",
        "flask.py",
        "            _warn_of_lost_view(app, self._flask_view)\n",
        "            pass\n",
        "test_flask.py -k missed_aloud",
    ),
    Mutation(
        "source mode stays in the way",
        "flask.py",
        "            self._uninstall()\n",
        "",
        "test_flask.py -k in_the_way",
    ),
]
"""The Flask extension."""

PUBLISH = [
    Mutation(
        "publish writes the manifest first",
        "publish/folder.py",
        "            for put in puts:\n",
        "            there.commit(release.release, data)\n            for put in puts:\n",
        "test_publish.py -k failure_leaves",
    ),
    Mutation(
        "publish replaces fixed names at once",
        "publish/folder.py",
        "hold=put.fixed",
        "hold=False",
        "test_publish.py -k 'failure_leaves or missing_is_put'",
    ),
    Mutation(
        "publish puts fixed names in any order",
        "publish/plan.py",
        "key=lambda put: (put.fixed, -put.size, put.file)",
        "key=lambda put: (-put.size, put.file)",
        "test_publish.py -k missing_is_put",
    ),
    Mutation(
        "publish does not compare fixed names' contents",
        "publish/plan.py",
        "elif not asset.immutable and differs(file):",
        "elif False:",
        "test_publish.py -k missing_is_put",
    ),
    Mutation(
        "publish does not mend a broken file",
        "publish/plan.py",
        "elif there != size:",
        "elif False:",
        "test_publish.py -k torn",
    ),
    Mutation(
        "publish forgets siblings",
        "publish/plan.py",
        '{**sizes, "": asset.size}.items()',
        '{"": asset.size}.items()',
        "test_publish.py -k arrives_whole",
    ),
    Mutation(
        "publish takes a damaged release",
        "publish/folder.py",
        "if len(data) != put.size:",
        "if False:",
        "test_publish.py -k damaged",
    ),
    Mutation(
        "a dry run publishes",
        "publish/folder.py",
        "if not dry_run:",
        "if True:",
        "test_publish.py -k dry_run",
    ),
    Mutation(
        "publish leaves an old manifest when no file is new",
        "publish/folder.py",
        "if puts or not _is_current(data, target):",
        "if puts:",
        "test_publish.py -k without_new",
    ),
    Mutation(
        "the output folder is published to itself",
        "publish/folder.py",
        "if out.resolve() == target.resolve():",
        "if False:",
        "test_publish.py -k onto_itself",
    ),
    Mutation(
        "another host's folder is taken for ours",
        "publish/folder.py",
        'if parts.scheme != "file" or parts.netloc not in {"", "localhost"}:',
        'if parts.scheme != "file":',
        "test_publish.py -k refused",
    ),
]
"""Publishing."""

MUTATIONS = [*BUILD, *CSS, *JS, *SERVE, *FLASK, *PUBLISH]


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
