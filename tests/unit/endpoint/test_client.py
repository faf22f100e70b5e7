"""The client over real sockets: certificates, proxies, addresses, bounds."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import json
import resource
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from recipe.mrpo.cli import main
from recipe.mrpo.endpoint.address import Endpoint, EndpointError
from recipe.mrpo.endpoint.client import ChatClient
from recipe.mrpo.endpoint.secret_key import Secret
from recipe.mrpo.judge import get_judge
from recipe.mrpo.judge.private_data import check_endpoint
from tests.fake_judge_server import FakeJudgeServer
from tests.unit.judge.conftest import judge_options

LABELS = (0, 1, 0, 1)
PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch):
    for name in (*PROXIES, "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """(CA file, server file): an authority of a clinic's own, and a certificate of it for this machine."""
    folder = tmp_path_factory.mktemp("certificates")
    now = datetime.datetime.now(datetime.UTC)

    def signed(name, key, issuer, issuer_key, *, ca):
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if not ca:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "ca.pem").write_bytes(signed("clinic", ca_key, "clinic", ca_key, ca=True))
    (folder / "server.pem").write_bytes(key.private_bytes(*pem) + signed("judge", key, "clinic", ca_key, ca=False))
    return folder / "ca.pem", folder / "server.pem"


@pytest.fixture
def secure(certificates):
    """A judge behind https with a certificate of the clinic's authority."""
    with FakeJudgeServer() as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates[1])
        server._server.socket = context.wrap_socket(server._server.socket, server_side=True)
        server.url = server.base_url.replace("http:", "https:")
        yield server


@pytest.mark.parametrize("private", [True, False])
def test_a_clinics_own_authority_is_trusted_for_private_cases_too(
    asked, request_of, secure, certificates, monkeypatch, private
):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates[0]))
    judgement = asked(request_of(may_leave_machine=not private), name="openai", openai__base_url=secure.url)
    assert judgement.labels == LABELS and len(secure.requests) == 1


def test_a_certificate_that_is_not_trusted_fails_at_once(asked, request_of, secure):
    judgement = asked(request_of(), name="openai", openai__base_url=secure.url, openai__max_retries=3)
    assert (judgement.failure, judgement.usage.calls, judgement.usage.retries) == ("tls", 1, 0)
    assert "CERTIFICATE_VERIFY_FAILED" in judgement.detail and "SSL_CERT_FILE" in judgement.detail


def test_https_at_a_port_that_speaks_http_fails_at_once(asked, request_of):
    with FakeJudgeServer() as server:
        url = server.base_url.replace("http:", "https:")
        judgement = asked(request_of(), name="openai", openai__base_url=url)
    assert (judgement.failure, judgement.usage.calls) == ("tls", 1)


def test_a_connection_that_ends_in_the_handshake_is_an_ordinary_lost_one(asked, request_of):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        async def run():
            loop = asyncio.get_running_loop()

            def hang_up():
                for _ in range(2):
                    server.accept()[0].close()

            hanging_up = loop.run_in_executor(None, hang_up)
            judge = get_judge(options)
            judgement = await judge.label(request_of())
            await hanging_up
            return judgement

        url = f"https://127.0.0.1:{server.getsockname()[1]}/v1"
        options = judge_options(name="openai", openai__base_url=url, openai__max_retries=1)
        judgement = asyncio.run(run())
    assert (judgement.failure, judgement.usage.calls) == ("connection", 2)


@pytest.mark.parametrize(
    ("variable", "value", "url"),
    [
        ("SSL_CERT_FILE", "missing.pem", "https://judge.example.org/v1"),
        ("SSL_CERT_FILE", "empty.pem", "https://judge.example.org/v1"),
        ("SSL_CERT_FILE", "text.pem", "https://127.0.0.1:8000/v1"),
        ("SSL_CERT_FILE", ".", "https://judge.example.org/v1"),
        ("SSL_CERT_DIR", "missing", "https://judge.example.org/v1"),
        ("HTTPS_PROXY", "http://p:hunter2", "https://judge.example.org/v1"),
        ("HTTPS_PROXY", "http://u:hunter2@", "https://judge.example.org/v1"),
        ("https_proxy", "http://u:hunter2@p:99999", "https://judge.example.org/v1"),
        ("HTTP_PROXY", "ftp://u:hunter2@p", "https://judge.example.org/v1"),
        ("ALL_PROXY", "foo://u:hunter2@p:1", "http://judge.example.org/v1"),
    ],
)
def test_a_mistake_of_the_environment_is_one_sentence_at_the_start(tmp_path, monkeypatch, variable, value, url):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.pem").write_text("")
    (tmp_path / "text.pem").write_text("no certificate\n")
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError) as refused:
        get_judge(judge_options(name="openai", openai__base_url=url))
    said = str(refused.value)
    assert said.startswith("the environment of the reward workers has ") and variable in said
    assert "\n" not in said and "hunter2" not in said and refused.value.__suppress_context__
    with pytest.raises(ValueError, match=variable):
        check_endpoint(judge_options(name="openai", openai__base_url=url), private_data=False)
    # A judge on this machine without https needs neither.
    get_judge(judge_options(name="openai"))


def test_an_address_alone_decides_which_client_is_made(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://p:port")
    with pytest.raises(EndpointError) as refused:
        ChatClient(Endpoint.of("https://judge.example.org/v1", []), key=Secret(None), timeout_s=1)
    assert refused.value.kind == "environment"
    ChatClient(Endpoint.of("https://judge.example.org/v1", ["judge.example.org"]), key=Secret(None), timeout_s=1)


def test_the_query_stands_behind_every_address(asked, request_of):
    paths = []
    with FakeJudgeServer() as server:
        handler = server._server.RequestHandlerClass
        plain = handler.do_POST

        def do_POST(self):
            paths.append(self.path)
            plain(self)

        handler.do_POST = do_POST
        query = {"api-version": "preview", "n": 2}
        judgement = asked(request_of(), name="openai", openai__base_url=server.base_url, openai__query=query)
    assert judgement.labels == LABELS and paths == ["/v1/chat/completions?api-version=preview&n=2"]


def test_no_encoding_is_asked_for(asked, request_of):
    with FakeJudgeServer() as server:
        asked(request_of(), name="openai", openai__base_url=server.base_url)
    assert server.headers[0]["accept-encoding"] == "identity"


@pytest.mark.parametrize("kind", ["bomb", "bomb_twice", "long_body"])
def test_a_body_costs_memory_and_time_up_to_its_bound(asked, request_of, kind):
    with FakeJudgeServer(script=[kind, kind]) as server:
        asked(request_of(), name="openai", openai__base_url=server.base_url)  # the server makes it once
    with FakeJudgeServer(script=[kind, kind]) as server:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        judgement = asked(request_of(), name="openai", openai__base_url=server.base_url)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert judgement.failure == "bad_response" and grown < 60_000, "kB; the server is in this process, too"
    assert judgement.usage.estimated_calls == 2 and judgement.usage.prompt_tokens > 0, "its tokens are not forgotten"


def test_the_doctor_sends_the_key_to_no_proxy(capsys, monkeypatch):
    monkeypatch.setenv("VERL_PLATFORM", "cpu")
    monkeypatch.setenv("JUDGE_KEY", "sk-very-secret")
    with FakeJudgeServer() as proxy, FakeJudgeServer() as server:
        for name in PROXIES:
            monkeypatch.setenv(name, proxy.base_url.removesuffix("/v1"))
        given = [f"base_url={server.base_url}", "model=fake", "api_key_env=JUDGE_KEY"]
        code = main(["doctor", "mrpo.judge.name=openai", *(f"mrpo.judge.openai.{o}" for o in given), "--only", "judge"])
        assert code == 0, capsys.readouterr().out
        assert proxy.asked == [] and server.asked == ["Bearer sk-very-secret"]


def test_what_an_endpoint_names_reaches_the_terminal_as_text(capsys, monkeypatch):
    monkeypatch.setenv("VERL_PLATFORM", "cpu")
    with FakeJudgeServer(model="\x1b]52;c;AAAA\x07\x1b[2J\nok") as server:
        given = [f"base_url={server.base_url}", "model=fake"]
        for form in ([], ["--json"]):
            main(
                [
                    "doctor",
                    "mrpo.judge.name=openai",
                    *(f"mrpo.judge.openai.{o}" for o in given),
                    "--only",
                    "judge",
                    *form,
                ]
            )
    printed = capsys.readouterr().out
    assert "\x1b" not in printed and "\x07" not in printed and "AAAA" in printed
    assert json.dumps("\x1b") not in printed
