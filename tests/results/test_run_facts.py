"""A run's settings out of params.yaml's sections."""

from sprite_lora.kohya.effective import resolve
from sprite_lora.results.run_facts import given_settings


def test_flags_under_kohya_args_are_settings_too():
    train = {"backend": "kohya", "learning_rate": 1e-4, "kohya_args": {"loss_type": "huber", "masked_loss": True}}
    given = given_settings(train, {"num_repeats": 2})
    assert (given["loss_type"], given["learning_rate"], given["num_repeats"]) == ("huber", 1e-4, 2)
    assert given["network_module"] == "networks.lora"
    assert resolve(given)["huber_c"].active, "the Huber threshold counts then"
    train["kohya_args"]["network_module"] = "lycoris.kohya"
    assert given_settings(train, {})["network_module"] == "lycoris.kohya"
