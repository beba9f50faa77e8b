"""Publishing."""

from tests.mutations.model import Mutation

MUTATIONS = [
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
