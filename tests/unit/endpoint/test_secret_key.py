"""Keys: the one that is named is sent, no other, and none shows in a detail, a log or a message."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import pickle
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from recipe.mrpo.endpoint.address import Endpoint
from recipe.mrpo.endpoint.secret_key import Secret
from recipe.mrpo.judge import get_judge
from recipe.mrpo.judge.chat.address import judge_endpoint, judge_key
from tests.fake_judge_server import FakeJudgeServer

KEY = "sk-Zq7Yw4Xv1Ub8Tc5Sd2Re9Pf6"


def no_part_of(key, text):
    """No four characters of the key in a row, its usual beginning apart."""
    return not any(key[i : i + 4] in text for i in range(3, len(key) - 3))


def completion(content, refusal=None):
    return json.dumps({"choices": [{"message": {"content": content, "refusal": refusal}, "finish_reason": "stop"}]})


def verdict(**entry):
    return completion(json.dumps({"steps": [{"step": 1, "alignment": 1, "contribution": 1} | entry]}))


# What an endpoint says that quotes `said`: the key, behind so many letters that it stands at any cut there may be.
ECHOES = {
    "an error": lambda said: (401, json.dumps({"error": {"message": said}})),
    "an error page": lambda said: (500, f"<html>{said}</html>"),
    "a page": lambda said: (200, f"<html>{said}</html>"),
    "a body without choices": lambda said: (200, json.dumps({"error": said})),
    "a refusal": lambda said: (200, completion(None, refusal=said)),
    "prose": lambda said: (200, completion(said)),
    "a label": lambda said: (200, verdict(alignment=said)),
    "a step number": lambda said: (200, verdict(step=said)),
    "an entry that is none": lambda said: (200, completion(json.dumps({"steps": [said]}))),
    "an entry in an entry": lambda said: (200, verdict(step={"a": said})),
}


@pytest.fixture
def echo():
    """A server that quotes the key it was sent: `echo.how`, `echo.before`, `echo.after`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            key = self.headers["Authorization"].removeprefix("Bearer ")[: server.only]
            status, text = ECHOES[server.how](server.before + key + server.after)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.only, server.after = None, ""
    server.url = f"http://127.0.0.1:{server.server_port}/v1"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def details(options_of, request_of, echo, befores):
    options = options_of(
        name="openai", openai__base_url=echo.url, openai__api_key_env="JUDGE_KEY", openai__max_retries=0,
        breaker__failures=1000,
    )  # fmt: skip

    async def run():
        judge, found = get_judge(options), []
        for before in befores:
            echo.before = before
            found.append((await judge.label(request_of(steps=("It is dense.",)))).detail)
        await judge.close()
        return found

    return asyncio.run(run())


@pytest.mark.parametrize("how", ECHOES)
def test_no_part_of_the_key_is_told_wherever_a_text_is_cut(options_of, request_of, echo, monkeypatch, caplog, how):
    monkeypatch.setenv("JUDGE_KEY", KEY)
    echo.how, echo.after = how, "y" * 300
    with caplog.at_level(logging.DEBUG):
        found = details(options_of, request_of, echo, ["x" * n for n in range(30, 320, 4)])
    assert all(no_part_of(KEY, detail) for detail in found)
    assert how == "an error page" or any("***" in detail for detail in found), "the reply is told about"
    assert max(map(len, found)) <= 300 and no_part_of(KEY, caplog.text)


def test_a_key_that_the_endpoint_itself_has_cut_off_is_hidden(options_of, request_of, echo, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", KEY)
    echo.how, echo.only = "an error", 14
    assert all(no_part_of(KEY, detail) for detail in details(options_of, request_of, echo, ["bad key "]))


@pytest.mark.parametrize("key", ["sk-a/b/c+d/e==f/g", 'sk-it\'s"quoted"twice', "sk-back\\slash\\es", "short"])
@pytest.mark.parametrize("how", ECHOES)
def test_a_key_is_hidden_however_it_is_quoted(options_of, request_of, echo, monkeypatch, key, how):
    monkeypatch.setenv("JUDGE_KEY", key)
    echo.how = how
    (detail,) = details(options_of, request_of, echo, ["bad key "])
    assert how == "an error page" or "***" in detail
    assert not any(part in detail for part in (key, key[-5:], key[:6]))


@pytest.mark.parametrize(
    ("text", "hidden", "why"),
    [
        ("key abcdefghij!", "key ***!", "the key"),
        ("abcdefghijabcdefghij", "***", "twice"),
        ("key ABCDEFGHIJ!", "key ***!", "in capitals"),
        ("key efghij", "key ***", "without its head"),
        ("key cdefgh", "key ***", "the middle"),
        ("YWJjZGVmZ2hpag==", "***ag==", "in base64"),
        ("6162636465666768696a", "***", "in hexadecimal digits"),
        ("\u0130 abcdefghij", "\u0130 ***", "behind a letter that is two in lower case"),
        ("key abcdefg", "key ***", "its beginning"),
        ("key abcdefgXabcdefY", "key ***X***Y", "its beginning, more than once"),
        ("key abcde", "key abcde", "five characters tell nothing"),
        ("abcdeabcdefghi", "abcde***", "a beginning behind another"),
        ("", "", "nothing"),
    ],
)
def test_a_key_and_its_beginnings_are_hidden(text, hidden, why):
    assert Secret("abcdefghij").hide(text) == hidden, why


@pytest.mark.parametrize("before", ["", "B", "Be", "Bearer ", "user:"])
def test_a_key_is_hidden_in_base64_wherever_it_begins(before):
    said = Secret(KEY).hide(base64.b64encode(f"{before}{KEY}!".encode()).decode())
    assert "***" in said and len(said) < 2 * len(before) + 12, "at most its first and last characters are left"


@pytest.mark.parametrize("said", ["sk-a%2Fb%2Bc%3Dd", "SK-A%2FB%2BC%3DD", "sk-a/b+c=d", "d=c+b/a-ks"])
def test_a_key_is_hidden_as_an_address_spells_it(said):
    assert Secret("sk-a/b+c=d").hide(f"x {said} y") == "x *** y"


def test_a_key_is_not_pickled():
    with pytest.raises(TypeError, match="environment variable"):
        pickle.dumps(Secret(KEY))


def test_without_a_key_nothing_is_hidden():
    assert Secret(None).hide("none ***") == "none ***"
    assert KEY not in repr(Secret(KEY)) + str(vars(Secret(None)))


ELSEWHERE = {
    "OPENAI_API_KEY": "sk-foreign",
    "OPENAI_ADMIN_KEY": "sk-foreign",
    "OPENAI_ORG_ID": "org-foreign",
    "OPENAI_PROJECT_ID": "proj-foreign",
    "OPENAI_BASE_URL": "http://foreign.invalid/v1",
    "OPENAI_CUSTOM_HEADERS": "X-Api-Key: sk-foreign\nAuthorization: Bearer sk-foreign\nUser-Agent: foreign\n"
    "Host: foreign.invalid\nCookie: foreign\nX-Bad: fÖreign",
}


@pytest.mark.parametrize("key", [None, KEY])
def test_the_environment_adds_nothing_to_what_is_sent(asked, request_of, monkeypatch, key):
    for name, value in ELSEWHERE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("JUDGE_KEY", KEY)
    with FakeJudgeServer() as server:
        options = {"openai__base_url": server.base_url, "openai__api_key_env": key and "JUDGE_KEY"}
        assert asked(request_of(), name="openai", **options).labels == (0, 1, 0, 1)
    (sent,) = server.headers
    assert sent["authorization"] == f"Bearer {key or 'none'}"
    assert "reign" not in json.dumps(sent)
    ours = {"host", "accept", "accept-encoding", "connection", "user-agent", "content-type", "content-length"}
    assert {name for name in sent if not name.startswith("x-stainless-")} == ours | {"authorization"}


@pytest.mark.parametrize("proxy", ["socks5://user:hunter2@127.0.0.1:1", "foo://user:hunter2@127.0.0.1:1"])
def test_a_proxy_that_cannot_be_used_is_found_at_start_up_and_not_shown(options_of, monkeypatch, proxy):
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(ValueError, match=r"ALL_PROXY.*NO_PROXY") as refused:
        get_judge(options_of(name="openai", openai__base_url="http://judge.invalid/v1"))
    assert "hunter2" not in str(refused.value) and refused.value.__suppress_context__
    get_judge(options_of(name="openai"))  # of this machine no proxy is asked


def endpoint_of(url):
    return judge_endpoint({"openai": {"base_url": url}, "allow_hosts": []})


def key_of(name):
    return judge_key({"openai": {"api_key_env": name}})


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://user:hunter2@host:99999/v1", "holds a password"),
        ("https://user:hunter2@host/v1", "holds a password"),
        ("https://hunter2@host/v1", "holds a password"),
        ("https://@hunter2/v1", "holds a password"),
        ("user:hunter2@judge.org/v1", "holds a password"),
        ("ftp://u:hunter2@h/v1", "holds a password"),
        ("https:/u:hunter2@h/v1", "holds a password"),
        ("https://u:hun?ter2@h/v1", "holds a password"),
        ("https://u:hun/ter2@h/v1", "holds a password"),
        ("https://u:hun#ter2@h/v1", "holds a password"),
        ("https://user:hunter2", "is not an http or https address"),
        ("hunter2.org/v1", "is not an http or https address"),
        ("https://host\\hunter2/v1", "is not an http or https address"),
        ("https://host/v1\n?hunter2", "is not an http or https address"),
        (None, "is not an http or https address"),
        ("http://[::1]hunter2.example/v1", "is not an http or https address"),
        ("http://[::1]:80hunter2/v1", "is not an http or https address"),
        ("http://[v1.hunter2]/v1", "is not an http or https address"),
        ("http://[fe80::1%25hunter2]/v1", "is not an http or https address"),
        ("http://127.0.0.1[hunter2]/v1", "is not an http or https address"),
        ("https://h/v1?api_key=hunter2", "must end before its ?"),
        ("https://h/v1#hunter2", "must end before its ?"),
        ("https://h/v1?", "must end before its ?"),
    ],
)
def test_an_address_that_cannot_be_used_is_not_shown(url, says):
    with pytest.raises(ValueError, match=r"^mrpo\.judge\.openai\.base_url ") as refused:
        endpoint_of(url)
    assert says in str(refused.value) and not any(part in str(refused.value) for part in ("hun", "ter2"))


@pytest.mark.parametrize("url", ["https://h/v1?api_key=hunter2", "https://user:hunter2@h/v1"])
def test_the_refusal_names_where_a_key_belongs(url):
    with pytest.raises(ValueError, match=r"mrpo\.judge\.openai\.api_key_env"):
        endpoint_of(url)


def test_an_at_sign_in_the_path_is_no_password():
    assert Endpoint.of("https://gateway.example.org/v1/@team", []).host == "gateway.example.org"


@pytest.mark.parametrize("value", [f"{KEY}\n{KEY}", f"{KEY}\u00e9", f"{KEY}\x00x", f"{KEY}\x7f"])
def test_a_key_that_no_header_can_carry_is_refused_unseen(value, monkeypatch):
    # The client's own message would show it, in a spelling of its own.
    monkeypatch.setattr("os.environ", {"JUDGE_KEY": value})
    with pytest.raises(ValueError, match=r"mrpo\.judge\.openai\.api_key_env=JUDGE_KEY") as refused:
        key_of("JUDGE_KEY")
    assert no_part_of(KEY, str(refused.value))


def test_a_key_given_in_place_of_its_variables_name_is_not_shown():
    with pytest.raises(ValueError, match=r"mrpo\.judge\.openai\.api_key_env is the name") as refused:
        key_of(KEY)
    assert no_part_of(KEY, str(refused.value))
