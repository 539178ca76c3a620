import ssl
import time

import pytest
import trustme
from benchmarks.server import Behaviour, running

from seif.config_file import build_config
from seif.errors import UsageError
from seif.models import check_engine

FAST = {"answer_s": 0.001, "verdict_s": 0.001}


def config(url, judger="generative", **engine):
    tree = {"model": "fake", "judger": {"kind": judger}, "engine": {"kind": "openai", "base_urls": [url], **engine}}
    return build_config(tree, "test")


def test_a_server_that_can_do_all_passes():
    with running(Behaviour(**FAST)) as (url, _):
        check_engine(config(url))
        check_engine(config(url, "logprob"))


@pytest.mark.parametrize(
    ("server", "judger", "engine", "message"),
    [
        ({"key": "another"}, "generative", {}, r"refuses the key in \$OPENAI_API_KEY \(401\)"),
        ({}, "generative", {"served_model": "other"}, "serves no model 'other', only fake; set engine.served_model"),
        ({"logprobs": False}, "logprob", {}, "no log-probabilities"),
        ({"faults": 1.0, "kinds": ("malformed",)}, "generative", {}, "no OpenAI-compatible endpoint"),
        ({"faults": 1.0, "kinds": ("500",)}, "generative", {}, "server error"),
    ],
)
def test_each_mistake_is_told_in_one_line(server, judger, engine, message):
    with running(Behaviour(**FAST, **server)) as (url, _), pytest.raises(UsageError, match=message) as told:
        check_engine(config(url, judger, **engine))
    assert "\n" not in str(told.value)


def test_a_wrong_path_and_nobody_there():
    with running(Behaviour(**FAST)) as (url, _), pytest.raises(UsageError, match="usually end in /v1"):
        check_engine(config(url.removesuffix("/v1")))
    with pytest.raises(UsageError, match="nothing answers at"):
        check_engine(config("http://127.0.0.1:1/v1"))


def test_a_server_that_hangs_is_not_waited_for(monkeypatch):
    monkeypatch.setattr("seif.engines.probe.LIMIT", 0.2)
    began = time.monotonic()
    with (
        running(Behaviour(**FAST, faults=1.0, kinds=("hang",))) as (url, _),
        pytest.raises(UsageError, match="in time"),
    ):
        check_engine(config(url))
    assert time.monotonic() - began < 10


def test_a_named_key_that_is_not_set(monkeypatch):
    monkeypatch.delenv("SEIF_TEST_KEY", raising=False)
    with pytest.raises(UsageError, match=r"\$SEIF_TEST_KEY, which is not set"):
        check_engine(config("http://127.0.0.1:1/v1", api_key_env="SEIF_TEST_KEY"))


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        ({"kind": "openai"}, "needs base_urls"),
        ({"base_urls": ["http://127.0.0.1/v1"]}, "go with kind: openai"),
        ({"kind": "openai", "base_urls": ["127.0.0.1:8000"]}, "is no URL"),
        ({"kind": "openai", "base_urls": ["http://h:port/v1"]}, "is no URL"),
        ({"kind": "openai", "base_urls": ["http://me:sk-secret@h/v1"]}, "environment variable"),
        ({"kind": "openai", "base_urls": ["http://h/v1"], "api_key_env": "sk-secret"}, "not the key"),
    ],
)
def test_bad_settings_are_one_line_without_secrets(engine, message):
    with pytest.raises(UsageError, match=message) as told:
        build_config({"model": "m", "engine": engine}, "test")
    assert "secret" not in str(told.value)
    assert "\n" not in str(told.value)


def test_tls_with_an_authority_that_is_known_and_one_that_is_not(tmp_path, monkeypatch):
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with running(Behaviour(**FAST), context) as (url, _):
        assert url.startswith("https://")
        with pytest.raises(UsageError, match="is not trusted; set \\$SSL_CERT_FILE"):
            check_engine(config(url))
        authority.cert_pem.write_to_path(tmp_path / "authority.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        check_engine(config(url))
