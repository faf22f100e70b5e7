"""What every judge that `get_judge` gives does, whoever wrote it."""

from __future__ import annotations

import asyncio
import contextlib
import textwrap

import pytest

from recipe.mrpo.judge import get_judge
from recipe.mrpo.judge.member_options import with_router_address
from recipe.mrpo.judge.registry import BUILT_IN, JUDGES
from tests.fake_judge_server import FakeJudgeServer

MEMBERS = {name: {"name": "overlap"} for name in "abc"}
ROLLOUTS = (
    (),
    ("The right lower lobe is consolidated.",),
    ("x" * 100_000,),
    ("\x1b[2J\u202e\ud800 step", "", "  ", "1."),
    tuple(f"Finding {k} is seen." for k in range(300)),
)


@contextlib.contextmanager
def judge_named(name, options_of, **server):
    """A judge of that name whose endpoint, where it has one, is a server here."""
    with FakeJudgeServer(**server) as endpoint:
        address = endpoint.base_url.removeprefix("http://").removesuffix("/v1")
        options = options_of(
            name=name, openai__base_url=endpoint.base_url, members=MEMBERS if name == "ensemble" else {}
        )
        yield get_judge(with_router_address(options, address=address, model="m"))


def labels_of(judge, requests):
    async def run():
        try:
            return [await judge.label(request) for request in requests]
        finally:
            await judge.close()
            await judge.close()  # closing twice does no harm

    return asyncio.run(run())


def test_the_contract_covers_every_judge_of_this_package():
    assert set(JUDGES.names()) >= set(BUILT_IN) == {"overlap", "openai", "router", "ensemble", "continuations"}


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("server", [{}, {"faults": {"http_500": 1.0}}, {"faults": {"missing": 1.0}}])
def test_a_judge_gives_one_label_a_step_or_a_failure_and_says_what_it_cost(options_of, request_of, name, server):
    with judge_named(name, options_of, **server) as judge:
        judgements = labels_of(judge, [request_of(steps=steps) for steps in ROLLOUTS])
    for steps, judgement in zip(ROLLOUTS, judgements, strict=True):
        assert (judgement.failure is None) == (judgement.labels is not None and len(judgement.labels) == len(steps))
        assert judgement.usage.latency_s > 0
        assert not judgement.usage.calls or name in ("openai", "router", "continuations")


OWN = """
    import asyncio, sys, threading
    from recipe.mrpo.judge import Judgement

    class Own:
        def __init__(self, does="valid"):
            self.does = does

        async def label(self, request):
            if self.does == "exit":
                sys.exit(3)
            if self.does == "wait":
                await asyncio.Event().wait()
            if self.does == "wait on":
                while True:
                    try:
                        await asyncio.sleep(3600)
                    except asyncio.CancelledError:
                        pass
            if self.does == "block":
                threading.Event().wait()
            if self.does == "no file":
                open("/no/such/file")
            if self.does == "forbidden file":
                raise PermissionError(13, "Permission denied", "/no/such/labels")
            if self.does == "raise":
                raise KeyError(request.steps[0])
            if self.does == "too few":
                return Judgement(labels=(1,) * (len(request.steps) - 1))
            if self.does == "too many":
                return Judgement(labels=(1,) * (len(request.steps) + 1))
            if self.does == "no labels at all":
                return Judgement(labels=())
            if self.does == "list":
                return [1] * len(request.steps)
            if self.does == "float":
                return Judgement(labels=(0.5,) * len(request.steps))
            if self.does == "nothing":
                return None
            return Judgement(labels=(1,) * len(request.steps))

        async def close(self):
            if self.does != "valid":
                raise RuntimeError("cannot be closed")

    class WithCache(Own):
        def cache_key(self, request):
            return repr(request.steps).encode()
"""


@pytest.fixture
def own(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(textwrap.dedent(OWN))
    return str(file)


@pytest.mark.parametrize("does", ["wait", "wait on", "block"])
@pytest.mark.parametrize("kind", ["Own", "WithCache"])
def test_a_users_judge_that_never_comes_back_is_a_timeout_and_blocks_nothing(
    options_of, request_of, own, does, kind, caplog, monkeypatch
):
    monkeypatch.setattr("recipe.mrpo.judge.checked.CLOSE_S", 0.05)
    limit_s = 1.0 if does == "block" else 0.1  # its thread must have begun for the log to say where it is
    judge = get_judge(options_of(name=f"{own}:{kind}", options={"does": does}, own_timeout_s=limit_s))

    async def run():
        ticks, asked = 0, asyncio.ensure_future(asyncio.gather(*(judge.label(request_of()) for _ in range(3))))
        while not asked.done():
            await asyncio.sleep(0.01)
            ticks += 1
        await judge.close()
        return ticks, asked.result()

    ticks, judgements = asyncio.run(asyncio.wait_for(run(), 30))
    assert ticks > 1, "the loop of the rewards went on"
    for judgement in judgements:
        assert judgement.failure == "timeout" and "mrpo.judge.own_timeout_s" in judgement.detail
    assert does != "block" or "threading.Event().wait()" in caplog.text, "the log says where it blocks"


def test_a_users_judge_without_a_limit_is_waited_for(options_of, request_of, own):
    judge = get_judge(options_of(name=f"{own}:Own", options={"does": "wait"}, own_timeout_s=0))

    async def run():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(judge.label(request_of()), 0.2)
        await judge.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("does", "failure"),
    [
        ("valid", None),
        ("raise", "exception"),
        ("exit", "exception"),
        ("no file", "exception"),
        ("forbidden file", "exception"),
        ("list", "exception"),
        ("float", "exception"),
        ("nothing", "exception"),
        ("too few", "label_count"),
        ("too many", "label_count"),
        ("no labels at all", "label_count"),
    ],
)
@pytest.mark.parametrize("kind", ["Own", "WithCache"])
def test_whatever_a_users_judge_does_is_labels_or_a_counted_failure(
    options_of, request_of, own, tmp_path, caplog, does, failure, kind
):
    options = options_of(name=f"{own}:{kind}", options={"does": does}, cache__path=str(tmp_path / "labels.db"))
    judgements = labels_of(get_judge(options), [request_of(), request_of()])
    for judgement in judgements:
        assert judgement.failure == failure
        assert judgement.labels == (None if failure else (1, 1, 1, 1))
        assert judgement.usage.latency_s > 0
    assert caplog.text.count("later ones are only counted") == (failure == "exception") + (does != "valid"), "told once"


def test_failures_of_a_users_judge_are_an_ensembles_failures_by_name(options_of, request_of, own):
    members = {**MEMBERS, "b": {"name": f"{own}:Own", "options": {"does": "too few"}}, "c": {"name": f"{own}:Own"}}
    (judgement,) = labels_of(get_judge(options_of(name="ensemble", members=members)), [request_of()])
    assert judgement.failure is None or "b: label_count" in judgement.detail


def test_what_a_rollout_says_reaches_the_log_as_ascii(options_of, request_of, own, caplog):
    request = request_of(steps=("\x1b]52;c;AAAA\x07\nERROR a forged line",))
    (judgement,) = labels_of(get_judge(options_of(name=f"{own}:Own", options={"does": "raise"})), [request])
    for text in (judgement.detail, caplog.text):
        assert "\x1b" not in text and "\nERROR a forged" not in text


@pytest.mark.parametrize(
    ("stays", "seen"), [("", False), ("stays_on_machine = False", False), ("stays_on_machine = True", True),
                        ("stays_on_machine = 'yes'", False)]
)  # fmt: skip
def test_a_users_judge_sees_private_rows_only_if_it_says_that_it_stays(options_of, request_of, tmp_path, stays, seen):
    file = tmp_path / "own.py"
    file.write_text(textwrap.dedent(OWN) + f"\nclass Mine(Own):\n    name = 'mine'\n    {stays or 'pass'}\n")
    judge = get_judge(options_of(name=f"{file}:Mine"))
    judge.require(may_leave_machine=True)
    private = request_of(may_leave_machine=False)
    if seen:
        judge.require(may_leave_machine=False)
        assert labels_of(judge, [private])[0].labels == (1, 1, 1, 1)
        return
    for refused in (lambda: judge.require(may_leave_machine=False), lambda: labels_of(judge, [private])):
        with pytest.raises(
            PermissionError, match=r"the judge mine may not see .* write stays_on_machine = True into Mine"
        ):
            refused()


def test_an_ensemble_refuses_private_rows_if_one_member_does(options_of, own):
    judge = get_judge(options_of(name="ensemble", members={**MEMBERS, "b": {"name": f"{own}:Own"}}))
    with pytest.raises(PermissionError, match="stays_on_machine"):
        judge.require(may_leave_machine=False)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("no_such_module:Own", {}, "mrpo.judge.name=no_such_module:Own cannot be loaded"),
        ("{own}:Absent", {}, "cannot be loaded: AttributeError"),
        ("{own}:sys", {}, "must be a class or a function that makes a judge"),
        ("{own}:Judgement", {}, "Judgement cannot be made: ValueError"),
        ("{own}:Own", {"dose": "x"}, "mrpo.judge.options.dose is not an option of mrpo.judge.name="),
        ("overlap", {"does": "x"}, "mrpo.judge.options is for your own judge"),
        ("{own}:needy", {}, "needs the option strength; set mrpo.judge.options.strength"),
        ("{own}:broken", {}, "broken cannot be made: ZeroDivisionError"),
        ("{own}:half", {}, "half must make an object with async methods label and close; close is not one"),
        (7, {}, "mrpo.judge.name must be a name, not 7"),
    ],
)
def test_a_judge_that_cannot_be_made_is_one_sentence(options_of, own, name, options, says):
    more = """
    class Half:
        async def label(self, request): pass
        def close(self): pass
    def needy(strength): return Own()
    def broken(): return 1 / 0
    def half(): return Half()
    """
    with open(own, "a") as file:
        file.write(textwrap.dedent(more))
    name = name.format(own=own) if isinstance(name, str) else name
    with pytest.raises(ValueError) as refused:
        get_judge(options_of(name=name, options=options))
    assert says in str(refused.value) and "\n" not in str(refused.value)


def test_two_judges_of_a_users_own_find_no_labels_of_each_other_in_one_cache(options_of, request_of, own, tmp_path):
    more = """
    class Other(WithCache):
        async def label(self, request):
            return Judgement(labels=(0,) * len(request.steps))
    """
    with open(own, "a") as file:
        file.write(textwrap.dedent(more))
    cache = {"cache__path": str(tmp_path / "labels.db")}
    for name, options, labels, cached in [
        ("WithCache", {}, 1, False),
        ("WithCache", {}, 1, True),
        ("WithCache", {"does": "valid"}, 1, False),
        ("Other", {}, 0, False),
    ]:
        (judgement,) = labels_of(get_judge(options_of(name=f"{own}:{name}", options=options, **cache)), [request_of()])
        assert (judgement.labels, judgement.usage.cached) == ((labels,) * 4, cached)


def test_a_module_that_raises_while_it_is_imported_is_one_sentence(options_of, tmp_path, monkeypatch):
    (tmp_path / "judge_that_breaks.py").write_text("raise RuntimeError('two\\nlines')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for options in ({"name": "judge_that_breaks:Own"}, {"name": "x", "module": "judge_that_breaks"}):
        with pytest.raises(ValueError, match="RuntimeError: two") as refused:
            get_judge(options_of(**options))
        assert "mrpo.judge." in str(refused.value)
