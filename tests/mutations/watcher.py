"""Watching: what is noticed, when, and what happens where the system does not tell."""

from tests.mutations.model import Mutation

MUTATIONS = [
    Mutation(
        "watcher tells of files that are empty in mid-save",
        "live/watcher.py",
        "self._tree.look(hint.path, emptied=emptied)",
        "self._tree.look(hint.path)",
        "test_watcher.py -k waits_for_a_quiet",
    ),
    Mutation(
        "watcher waits with a finished write",
        "live/watcher.py",
        'is_finished = kind == "closed" and not is_folder',
        "is_finished = False",
        "test_watcher.py -k told_at_once",
    ),
    Mutation(
        "watcher does not watch new folders",
        "live/watcher.py",
        'is_anew = is_folder and kind in {"created", "moved"}',
        "is_anew = False",
        "test_watcher.py -k 'folder_that_came or folder_that_left'",
    ),
    Mutation(
        "watcher believes in a flood",
        "live/watcher.py",
        "        if self._count >= _FLOOD:",
        "        if False:",
        "test_watcher.py -k flood",
    ),
    Mutation(
        "watcher does not see another root",
        "live/watcher.py",
        "if self._identities != self._identify():",
        "if False:",
        "test_watcher.py -k 'replaced or comes_later'",
    ),
    Mutation(
        "watcher does not see dead threads",
        "live/watcher.py",
        "elif self._observation is not None and not self._observation.is_alive:",
        "elif False:",
        "test_watcher.py -k threads_that_die",
    ),
    Mutation(
        "watcher does not probe",
        "live/watcher.py",
        "            if not _works(observer):",
        "            if False:",
        "test_watcher.py -k 'TestLimits and of_the_system'",
    ),
    Mutation(
        "watcher dies with who is told",
        "live/watcher.py",
        '            _logger.exception("what should hear of changed files failed")',
        "            raise",
        "test_watcher.py -k who_fails",
    ),
    Mutation(
        "watcher never ends a window without a quiet",
        "live/watcher.py",
        "if self._is_open and now >= min(self._quiet_at, self._opened + _LONGEST):",
        "if self._is_open and now >= self._quiet_at:",
        "test_watcher.py -k without_a_quiet",
    ),
    Mutation(
        "tree takes a touch for a change",
        "live/tree.py",
        "        return known.digest != now.digest",
        "        return True",
        "test_watcher.py -k 'touched or same_content or same-content'",
    ),
    Mutation(
        "tree does not know what links lead to",
        "live/tree.py",
        "        if self._links:",
        "        if False:",
        "test_watcher.py -k links_inside",
    ),
    Mutation(
        "tree enters excluded folders",
        "live/tree.py",
        "                        if real not in self._never:",
        "                        if True:",
        "test_watcher.py -k never_entered",
    ),
    Mutation(
        "tree forgets what it told of the state",
        "live/tree.py",
        "                self._sum -= self._part(path, before) if before else 0",
        "                pass",
        "test_watcher.py -k 'survives or what_is_there'",
    ),
]
