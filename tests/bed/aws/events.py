"""Correction 4: the native event "Secret Label Updated" through EventBridge into SQS; late, lost, doubled or out of order on demand."""

import heapq
import itertools
import json
import threading
import time
import uuid
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.events.models import Rule, events_backends
from moto.sqs.models import sqs_backends

from tests.bed.aws.region import Region
from tests.bed.aws.secret import Secret

DETAIL_TYPE = "Secret Label Updated"


@dataclass
class Delivered:
    """One event and what became of it: `delivered to QUEUE`, `lost`, `no rule`, or why a queue refused it."""

    id: str
    secret: str
    label: str
    version_id: str
    fate: list[str] = field(default_factory=list[str])


@dataclass
class Weather:
    """How events fare. delay: seconds, each. lose: the next so many are lost. copies: how often each arrives.

    shuffle: so many are collected, then delivered in the reverse order.
    """

    delay: float = 0.0
    lose: int = 0
    copies: int = 1
    shuffle: int = 0
    collected: list[tuple[Region, dict[str, Any], Delivered]] = field(default_factory=list[Any])

    def shown(self) -> dict[str, Any]:
        return {"delay": self.delay, "lose": self.lose, "copies": self.copies, "shuffle": self.shuffle}


@dataclass
class Bus:
    """The default bus of every account and Region, with one thread that delivers; the weather goes by the secret's name."""

    log: list[Delivered] = field(default_factory=list[Delivered])
    _weather: dict[str, Weather] = field(default_factory=dict[str, Weather])
    _waiting: list[tuple[float, int, Region, dict[str, Any], Delivered]] = field(default_factory=list[Any])
    _order: "itertools.count[int]" = field(default_factory=itertools.count)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        threading.Thread(target=self._deliver_for_ever, name="event bus", daemon=True).start()

    def label_moved(self, region: Region, secret: Secret, label: str, version_id: str) -> None:
        """Send one event on its way, through the weather."""
        event = native_event(region, secret, label, version_id)
        delivered = Delivered(event["id"], secret.arn, label, version_id)
        with self._changed:
            self.log.append(delivered)
            weather = self._weather_over(secret.name)
            if weather.lose > 0:
                weather.lose -= 1
                delivered.fate.append("lost")
                return
            weather.collected.append((region, event, delivered))
            if len(weather.collected) >= weather.shuffle:
                self._send(weather)

    def _weather_over(self, name: str) -> Weather:
        """That of the longest beginning of the name for which some was ordered, else fair."""
        return max(((start, weather) for start, weather in self._weather.items() if name.startswith(start)), default=("", Weather()))[1]

    def _send(self, weather: Weather) -> None:
        collected, weather.collected = weather.collected, []
        if weather.shuffle:
            collected.reverse()
        due = time.monotonic() + weather.delay
        for region, event, delivered in collected:
            for _ in range(weather.copies):
                heapq.heappush(self._waiting, (due, next(self._order), region, event, delivered))
        self._changed.notify_all()

    def change(self, start: str, wanted: dict[str, Any]) -> None:
        """Order weather over the secrets whose names start so; what was collected for shuffling is let go."""
        with self._changed:
            weather = self._weather.get(start, Weather())
            self._weather[start] = Weather(**{**weather.shown(), **wanted})
            self._send(weather)

    def clear_up(self) -> None:
        with self._changed:
            for weather in self._weather.values():
                self._send(weather)
            self._weather.clear()

    def shown(self) -> dict[str, Any]:
        with self._changed:
            weather = {start: weather.shown() for start, weather in self._weather.items()}
            return {"weather": weather, "events": [asdict(one) for one in self.log]}

    def _deliver_for_ever(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                wait = self._waiting[0][0] - time.monotonic()
                if wait > 0:
                    self._changed.wait(wait)
                    continue
                _, _, region, event, delivered = heapq.heappop(self._waiting)
            delivered.fate.extend(_deliver(region, event))


def native_event(region: Region, secret: Secret, label: str, version_id: str) -> dict[str, Any]:
    """The event as Secrets Manager publishes it (AWS user guide, "Secrets Manager events in EventBridge")."""
    when = datetime.fromtimestamp(int(region.world.clock.now()), UTC)
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": DETAIL_TYPE,
        "source": "aws.secretsmanager",
        "account": region.account_id,
        "time": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region.region_name,
        "resources": [secret.arn],
        "detail": {"name": secret.name, "labelUpdated": label, "versionId": version_id},
    }


def _deliver(region: Region, event: dict[str, Any]) -> list[str]:
    """Give the event to every SQS queue of every rule that it meets; the answer says what became of it."""
    rules: list[Rule] = list(events_backends[region.account_id][region.region_name].event_buses["default"].rules.values())
    meeting = [rule for rule in rules if rule.state != "DISABLED" and rule.event_pattern.matches_event(event)]  # pyright: ignore[reportArgumentType]  # moto wants its own TypedDict
    fates = [_into_queue(rule, target["Arn"], event) for rule in meeting for target in rule.targets]
    return fates or ["no rule"]


def _into_queue(rule: Rule, arn: str, event: dict[str, Any]) -> str:
    _, _, service, region, account, name = arn.split(":", 5)
    if service != "sqs":
        return f"the bed delivers to SQS only, not to {arn}"
    backend = sqs_backends[account][region]
    queue = next((one for one in backend.queues.values() if one.queue_arn == arn), None)
    if queue is None:
        return f"no such queue: {arn}"
    policy: str | None = queue.policy
    if not allows(json.loads(policy or "{}"), arn, rule.arn):
        return f"refused by the policy of {arn}"
    backend.send_message(name, json.dumps(event))
    return f"delivered to {arn}"


def allows(policy: dict[str, Any], queue: str, rule: str) -> bool:
    """Does a queue's policy let EventBridge send for this rule? Without a statement of that kind AWS drops the event."""
    statements: list[dict[str, Any]] = policy.get("Statement", [])
    return any(_permits(statement, queue, rule) for statement in statements)


def _permits(statement: dict[str, Any], queue: str, rule: str) -> bool:
    principal: Any = statement.get("Principal", {})
    services = ["*"] if principal == "*" else _listed(principal.get("Service"))
    actions = {action.lower() for action in _listed(statement.get("Action"))}
    return (
        statement.get("Effect") == "Allow"
        and not {"events.amazonaws.com", "*"}.isdisjoint(services)
        and not actions.isdisjoint({"sqs:sendmessage", "sqs:*"})
        and not {queue, "*"}.isdisjoint(_listed(statement.get("Resource")))
        and _from_rule(statement.get("Condition", {}), rule)
    )


def _from_rule(condition: dict[str, dict[str, Any]], rule: str) -> bool:
    """A condition on aws:SourceArn must name this rule; without one any rule may send."""
    sources = [
        value for test in condition.values() for key, found in test.items() if key.lower() == "aws:sourcearn" for value in _listed(found)
    ]
    return not sources or rule in sources


def _listed(value: str | list[str] | None) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else value
