from huggingface_hub import constants

from seif.engines.tokens import tokenizer_to_save
from support import NANO


def test_a_tokenizer_is_saved_alike_with_and_without_the_hub(tmp_path, monkeypatch):
    for offline in (False, True):
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
        tokenizer_to_save(str(NANO / "model"), padding_side="left").save_pretrained(tmp_path / str(offline))
    with_hub, without = ((tmp_path / str(offline) / "tokenizer_config.json").read_text() for offline in (False, True))
    assert with_hub == without
    assert '"padding_side": "left"' in with_hub
