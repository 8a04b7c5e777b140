"""RotationReady: SecretState → the version to publish; begins rotations, carries them out, follows AWS's."""

from dataclasses import dataclass

from rotated_rds.acts import aws_rotation, rotate
from rotated_rds.acts.rotate import Current
from rotated_rds.model.database import Endpoint
from rotated_rds.model.errors import Reason, Refused
from rotated_rds.model.secret import SecretState
from rotated_rds.model.spec import Method
from rotated_rds.model.status import Result, fails, holds
from rotated_rds.acts.view import Pass
