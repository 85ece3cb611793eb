import pytest

from sprite_lora.kohya.network_args import LycorisArgs, lycoris_args, read_back, recorded
from sprite_lora.kohya.train_params import Train

REQUIRED = {
    "backend": "native", "output_name": "t", "network_dim": 4, "conv_dim": None, "network_train_unet_only": False,
    "network_train_text_encoder_only": False, "v_parameterization": False, "clip_skip": None, "train_batch_size": 1,
    "gradient_accumulation_steps": 1, "num_processes": 1, "mixed_precision": "no", "save_precision": None,
    "max_token_length": 75, "seed": 1, "max_train_epochs": 1, "save_every_n_epochs": 1, "save_state_every_n_steps": 1,
    "max_train_steps": None, "save_every_n_steps": None, "zero_terminal_snr": False,
}  # fmt: skip


def train(**changes):
    return Train(**REQUIRED | {"network_module": "lycoris.kohya"} | changes)


def test_arguments_are_read_as_lycoris_reads_them():
    assert lycoris_args([]) == LycorisArgs("lora", "full", -1)
    found = lycoris_args(["algo=lokr", "factor = 8", "preset=attn-mlp", "dora_wd=true", "wd_on_output=False"])
    assert found == LycorisArgs("lokr", "attn-mlp", 8, dora_wd=True, wd_on_output=False)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("lokr", "is not key=value"),
        ("algo=boft", "algo=boft: one of lora, locon, loha, lokr"),
        ("preset=my_preset.toml", "preset=my_preset.toml: one of full, full-lin"),
        ("preset=/etc/passwd", "one of full"),
        ("train_norm=True", "train_norm is not known here for lycoris.kohya: algo, preset, factor, dora_wd"),
        ("conv_dim=8", "conv_dim has its own key, train.conv_dim"),
        ("dropout=0.1", "dropout has its own key, train.network_dropout"),
        ("factor=2.5", "factor=2.5: a whole number"),
        ("factor=0", "factor=0: a whole number"),
        ("dora_wd=__import__('os')", "True or False"),
        ("dora_wd=1", "True or False"),
        ("factor=8", "factor does nothing without algo=lokr"),
        ("decompose_both=False", "LyCORIS reads any text as True"),
    ],
)
def test_what_is_not_known_is_refused(argument, message):
    with pytest.raises(ValueError, match=r"network_args: ") as caught:
        lycoris_args([argument])
    assert message in str(caught.value)
    with pytest.raises(ValueError, match="network_args: "):
        train(network_args=[argument])


def test_twice_and_against_each_other():
    for arguments, message in (
        (["algo=loha", "algo=lokr"], "algo stands twice"),
        (["dora_wd=True", "bypass_mode=True"], "dora_wd does nothing with bypass_mode"),
    ):
        with pytest.raises(ValueError, match=message):
            lycoris_args(arguments)


@pytest.mark.parametrize("name", ["network_dropout", "rank_dropout"])
def test_draws_from_the_global_state_are_refused_by_name(name):
    with pytest.raises(ValueError, match=f"{name} with lycoris.kohya"):
        train(**{name: 0.1})
    assert train(module_dropout=0.1).module_dropout == 0.1


def test_for_sd_scripts_itself_only_keys_of_our_own_are_refused():
    plain = {"backend": "kohya", "rank_dropout": 0.1}
    assert train(**plain, network_args=["algo=boft", "block_size=4"]).network_args[0] == "algo=boft"
    with pytest.raises(ValueError, match=r"conv_dim has its own key, train\.conv_dim"):
        train(**plain, network_args=["conv_dim=8"])


def test_kohyas_own_network_takes_none_here():
    for argument, message in (
        ("conv_dim=4", "conv_dim has its own key, train.conv_dim"),
        ("block_dims=2,2", "block_dims is not known for networks.lora here"),
    ):
        with pytest.raises(ValueError, match=message):
            train(network_module="networks.lora", network_args=[argument])


def test_metadata_holds_all_that_kohya_takes_as_arguments():
    values = train(network_args=["algo=lokr"], module_dropout=0.1, conv_dim=8).model_dump()
    arguments = recorded(values)
    assert arguments == {"algo": "lokr", "conv_dim": "8", "module_dropout": "0.1", "dropout": None}
    assert read_back(arguments) == ["algo=lokr"]
    plain = train(network_module="networks.lora").model_dump()
    assert recorded(plain) == {}
    assert recorded(plain | {"rank_dropout": 0.2}) == {"rank_dropout": "0.2", "dropout": None}
    assert read_back({"conv_dim": "8"}) is None
