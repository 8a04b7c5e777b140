"""A move of AWSCURRENT to an older version is believed when two looks, 10 s apart, show it (SAFETY.md A7)."""

from datetime import timedelta

from rotated_rds.acts.view import Pass
from rotated_rds.model import rollback
from rotated_rds.model.secret import SecretState
from rotated_rds.model.status import Result, waits
from rotated_rds.model.verified import Current

APART = timedelta(seconds=10)
_LOOKED = "older"  # Ages: an older version was seen, and when it was seen first


def in_doubt(one: Pass) -> bool:
    """An older version was seen once: AWS is to be read again."""
    return one.world.ages.known(_LOOKED, one.key)


def doubted(one: Pass, state: SecretState) -> Result[Current] | None:
    """The version that stays published while AWS shows an older one, which may be an old answer; None when there is no doubt."""
    published, current, ages = one.before.version_id, state.current, one.world.ages
    if published is None or current is None or state.remembered:
        return None
    if current == published or _moved_by_us(one, state, current) or not _older(one, state, current, published):
        ages.forget(_LOOKED, one.key)
        return None
    if ages.older_than(_LOOKED, one.key, APART, one.now):
        return None
    text = f"AWSCURRENT is on the older version {current[:8]}; it is followed when a second look, {APART.seconds} s later, shows it too"
    return waits(text, value=Current(published), wake=one.now + APART)


def _moved_by_us(one: Pass, state: SecretState, current: str) -> bool:
    """The version that our own rotation or rollback has moved it to, published or not."""
    progress, history = one.before.rotation.in_progress, one.before.history
    if progress is not None and progress.version_id == current:
        return True
    if history and history[0].result in ("Succeeded", "RolledBack") and history[0].version_id == current:
        return True
    return _asks_to_go_back(one) and state.previous == one.before.version_id  # no old answer shows the published version there


def _asks_to_go_back(one: Pass) -> bool:
    return one.asks("rollback") or rollback.failed_rollout(one.spec, one.before) is not None


def _older(one: Pass, state: SecretState, current: str, published: str) -> bool:
    """By AWS's own dates. A version that the list does not show yet may be anything, so it is looked at twice as well."""
    made = {known.id: known.created for known in one.secrets.versions(state.arn)}
    return published in made and (current not in made or made[current] < made[published])
