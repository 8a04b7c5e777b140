"""The door of Secrets Manager: which of our rooms carries out which call; what is not here stays moto's."""

import json
from collections.abc import Callable
from typing import Any

from moto.core.common_types import TYPE_RESPONSE
from moto.secretsmanager import urls
from moto.secretsmanager.responses import SecretsManagerResponse

from tests.bed.aws import describe, lifecycle, listing, policies, replicas, values
from tests.bed.aws.region import Region, region_of
from tests.bed.aws.rotation import Engine

Asked = dict[str, Any]


class Corrected(SecretsManagerResponse):
    """moto finds a call's method by its name; each of these is one line into a room."""

    engine: Engine

    def _by(self, room: Callable[[Region, Asked], Asked]) -> str:
        return json.dumps(room(region_of(self.current_account, self.region), json.loads(self.body or "{}")))

    def call_action(self) -> TYPE_RESPONSE:
        """moto answers 404 where there is no secret; Secrets Manager's refusals are all 400."""
        status, headers, body = super().call_action()
        return (400, {**headers, "status": "400"}, body) if status in (404, "404") else (status, headers, body)

    def create_secret(self) -> str:
        return self._by(values.create)

    def put_secret_value(self) -> str:
        return self._by(self.engine.put)

    def update_secret(self) -> str:
        return self._by(values.update)

    def get_secret_value(self) -> str:
        return self._by(values.get)

    def batch_get_secret_value(self) -> str:
        return self._by(values.batch_get)

    def list_secret_version_ids(self) -> str:
        return self._by(values.list_versions)

    def update_secret_version_stage(self) -> str:
        return self._by(values.update_stage)

    def describe_secret(self) -> str:
        return self._by(describe.describe)

    def list_secrets(self) -> str:
        return self._by(listing.list_secrets)

    def delete_secret(self) -> str:
        return self._by(lifecycle.delete)

    def restore_secret(self) -> str:
        return self._by(lifecycle.restore)

    def tag_resource(self) -> str:
        return self._by(lifecycle.tag)

    def untag_resource(self) -> str:
        return self._by(lifecycle.untag)

    def replicate_secret_to_regions(self) -> str:
        return self._by(replicas.replicate)

    def remove_regions_from_replication(self) -> str:
        return self._by(replicas.remove)

    def put_resource_policy(self) -> str:
        return self._by(policies.put)

    def get_resource_policy(self) -> str:
        return self._by(policies.get)

    def delete_resource_policy(self) -> str:
        return self._by(policies.delete)

    def rotate_secret(self) -> str:
        return self._by(self.engine.rotate)

    def cancel_rotate_secret(self) -> str:
        return self._by(self.engine.cancel)


def install(engine: Engine) -> None:
    """Let moto's server send Secrets Manager's calls here."""
    Corrected.engine = engine
    urls.url_paths["{0}/$"] = Corrected.dispatch
