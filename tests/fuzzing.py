"""How many examples a property test takes: a few in every run, many with `pytest --hypothesis-profile=deep`."""

from hypothesis import settings


def examples(few: int, deep: int) -> settings:
    """`few` examples in every run, `deep` ones under the profile `deep`; decorate a property test with it."""
    return settings(max_examples=deep if settings.get_current_profile_name() == "deep" else few)
