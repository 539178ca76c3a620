import pytest

from seif.errors import UsageError
from seif.redaction import HIDDEN, keep_secret, redacted, refuse_secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:secret@host/v1 failed", f"https://{HIDDEN}@host/v1 failed"),
        ("GET /v1?a=1&api_key=abc&b=2", f"GET /v1?a=1&api_key={HIDDEN}&b=2"),
        ("Authorization: Bearer abc-123-def", f"Authorization: Bearer {HIDDEN}"),
        ("--set engine.vllm.env={HF_TOKEN: abc-123}", f"--set engine.vllm.env={{HF_TOKEN: {HIDDEN}}}"),
        (f"token hf_{'a1' * 17} is bad", f"token {HIDDEN} is bad"),
        ("bad key: my-own-key", f"bad key: {HIDDEN}"),
    ],
)
def test_secrets_are_hidden(text, shown):
    assert redacted(text, {"SOME_API_KEY": "my-own-key"}) == shown


@pytest.mark.parametrize(
    "text",
    [
        "--set takes key=value, got 'x'",
        "engine.vllm.args: --api-key is set by seif itself; leave it out",
        "set engine.api_key_env to the name of a variable",
        "prompt 3 has 120 tokens, more than max_prompt_tokens=64",
        "see https://host/v1/path",
    ],
)
def test_other_words_stay(text):
    assert redacted(text, {"SOME_API_KEY": "my-own-key", "PATH": "set", "TOKEN": "a"}) == text


def test_a_variable_that_a_config_names_is_secret(monkeypatch):
    monkeypatch.setenv("GATE", "open-sesame")
    assert "open-sesame" in redacted("it is open-sesame")
    keep_secret("GATE")
    assert redacted("it is open-sesame") == f"it is {HIDDEN}"


@pytest.mark.parametrize(
    ("tree", "key"),
    [
        ({"a": {"api_key": "x"}}, "a.api_key"),
        ({"launcher": ["srun", "--auth-token", "x"]}, "launcher.--auth-token"),
        ({"launcher": ["srun", "--auth-token=x"]}, "launcher.--auth-token"),
        ({"url": "http://me:pw@host"}, "url"),
    ],
)
def test_a_config_with_a_secret_is_refused_without_showing_it(tree, key):
    with pytest.raises(UsageError, match=f"^{key} holds a key"):
        refuse_secrets(tree)


def test_a_config_without_secrets_passes():
    refuse_secrets({"engine": {"api_key_env": "MY_KEY"}, "chat": {"pad_token": "<pad>"}, "n": 3, "password": None})
