"""Laws of recipe.mrpo.common.post_import, on throw-away modules."""

import importlib
import inspect
import multiprocessing
import sys
import textwrap

import pytest

from recipe.mrpo.common import post_import as hooks


@pytest.fixture
def write_module(tmp_path, monkeypatch):
    """Write a module to a directory on sys.path; forget modules, callbacks and finder afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(hooks, "_callbacks", {})
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))

    def write(name: str, source: str = "value = 1\n") -> str:
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
        importlib.invalidate_caches()
        return name

    return write


def double(module):
    module.value *= 2


def increment(module):
    module.value += 1


def fail(module):
    raise KeyError("marker")


def test_callback_runs_after_the_module_body_and_before_the_importer_goes_on(write_module):
    write_module("hooked")
    write_module("importer", "from hooked import value\n")
    hooks.after_import("hooked", double)
    assert "hooked" not in sys.modules
    assert importlib.import_module("importer").value == 2


def test_callback_runs_at_once_when_the_module_is_already_imported(write_module):
    module = importlib.import_module(write_module("hooked"))
    hooks.after_import("hooked", double)
    assert module.value == 2


def test_callbacks_of_one_module_run_in_the_order_added(write_module):
    write_module("hooked")
    hooks.after_import("hooked", double)
    hooks.after_import("hooked", increment)
    assert importlib.import_module("hooked").value == 3  # (1 * 2) + 1, the other order gives 4


@pytest.mark.parametrize("imported_first", [False, True])
def test_adding_a_callback_twice_runs_it_once(write_module, imported_first):
    write_module("hooked")
    if imported_first:
        importlib.import_module("hooked")
    hooks.after_import("hooked", double)
    hooks.after_import("hooked", double)
    assert importlib.import_module("hooked").value == 2


def test_a_reloaded_module_gets_its_callbacks_again(write_module):
    write_module("hooked")
    hooks.after_import("hooked", double)
    module = importlib.import_module("hooked")
    assert importlib.reload(module).value == 2


@pytest.mark.parametrize("imported_first", [False, True])
def test_a_failing_callback_names_itself_and_the_module(write_module, imported_first):
    write_module("hooked")
    with pytest.raises(
        RuntimeError, match=r"test_post_import\.fail failed after the import of hooked: 'marker'"
    ) as caught:
        if imported_first:
            importlib.import_module("hooked")
        hooks.after_import("hooked", fail)
        importlib.import_module("hooked")
    assert isinstance(caught.value.__cause__, KeyError)
    assert imported_first or "hooked" not in sys.modules  # no half-patched module stays behind


def test_a_module_that_is_just_being_executed_is_refused(write_module):
    write_module(
        "hooked",
        "from recipe.mrpo.common import post_import as hooks\nimport test_hooks\nhooks.after_import('hooked', print)\n",
    )
    write_module("test_hooks", "")
    with pytest.raises(RuntimeError, match="before the import of hooked starts"):
        importlib.import_module("hooked")


def test_a_built_in_module_is_refused(write_module):
    sys.modules.pop("_symtable", None)
    hooks.after_import("_symtable", print)
    with pytest.raises(RuntimeError, match="built into Python"):
        importlib.import_module("_symtable")


def test_source_and_loader_type_of_a_hooked_module_stay_available(write_module):
    write_module("hooked", "def f():\n    return 1\n")
    hooks.after_import("hooked", print)
    module = importlib.import_module("hooked")
    assert "return 1" in inspect.getsource(module.f)
    assert type(module.__loader__).__name__ == "SourceFileLoader"


@pytest.mark.parametrize("position", [0, 1])
def test_another_finder_that_asks_the_meta_path_like_this_one_does_not_recurse(write_module, position):
    class Other:
        asked = 0

        def find_spec(self, name, path=None, target=None):
            if name != "hooked":
                return None
            self.asked += 1
            assert self.asked < 5, "endless recursion between finders"
            specs = (f.find_spec(name, path, target) for f in sys.meta_path if f is not self)
            return next((spec for spec in specs if spec is not None), None)

    write_module("hooked")
    hooks.after_import("hooked", double)
    sys.meta_path.insert(sys.meta_path.index(hooks._FINDER) + position, Other())
    assert importlib.import_module("hooked").value == 2


def test_modules_without_hooks_are_left_to_the_other_finders(write_module):
    write_module("hooked")
    hooks.after_import("other_name", fail)
    assert importlib.import_module("hooked").value == 1
    assert hooks._FINDER.find_spec("hooked") is None


def test_a_missing_module_still_raises_module_not_found(write_module):
    hooks.after_import("no_such_module_anywhere", fail)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_module_anywhere")


def _in_child(queue):
    hooks.after_import("colorsys", _mark)
    import colorsys

    queue.put(colorsys.marked)


def _mark(module):
    module.marked = True


def test_hooks_work_in_a_spawned_process():
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    child = context.Process(target=_in_child, args=(queue,))
    child.start()
    assert queue.get(timeout=300) is True
    child.join(60)
