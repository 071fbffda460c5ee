"""A shop with two versions of its cart, one of which fails: what its Prometheus saw of it.

    shop ──► cart   cart-a, cart-b run the old, cart-new the new, from ROLLED_OUT on
                    from TROUBLE on the new fails FAILS of its answers, and the shop some of its own

The series say service and instance, and neither artifact nor pool: those are the estate's.
"""

from __future__ import annotations

from tests.prometheus_server import History

OLD, NEW = (f"sha256:{letter * 64}" for letter in "ab")
EVERY_S = 15
MINUTES = 60
ROLLED_OUT, TROUBLE, ALERT, BACK = -24, -23, -12, -6
FAILS, USUAL = 0.4, 0.002
REQUESTS = 30  # a scrape
FAMILY = "http_server_request_duration_seconds"
CLIENT = "http_client_request_duration_seconds"
BOUNDS = (0.05, 0.1, 0.5, 1.0)


def history(now: float, *, labels: dict[str, dict[str, str]] | None = None) -> History:
    """What was scraped until ``now``; ``labels`` are more of an instance's."""
    found = History()
    fails = {"cart-a": USUAL, "cart-b": USUAL, "cart-new": FAILS, "shop-1": 0.13}
    for instance, share in fails.items():
        service = instance.partition("-")[0]
        born = ROLLED_OUT if instance == "cart-new" else -MINUTES
        end = BACK + 1 if instance == "cart-new" else 0
        base = {"job": service, "instance": f"{instance}:8080", "service_name": service,
                "pod": instance, **(labels or {}).get(instance, {})}  # fmt: skip
        _counters(found, FAMILY, base, now, (born, end), share)
    for caller, share in (("shop", 0.13),):
        base = {"job": caller, "service_name": caller, "server_address": "cart"}
        _counters(found, CLIENT, base, now, (-MINUTES, 0), share)
    return found


def _counters(found, family, base, now, lives, share):
    good = bad = 0.0
    for tick in range(lives[0] * 60, lives[1] * 60 + 1, EVERY_S):
        at = now + tick
        worse = share if TROUBLE * 60 <= tick < (BACK + 1) * 60 else USUAL
        bad += REQUESTS * worse
        good += REQUESTS * (1 - worse)
        for code, count in (("200", good), ("500", bad)):
            said = {**base, "http_response_status_code": code}
            for bound in BOUNDS:
                part = 0.5 if bound == 0.05 else 0.97 if bound < 0.5 else 0.99
                found.add(family, "histogram", f"{family}_bucket", {**said, "le": f"{bound:g}"}, at,
                          count * part)  # fmt: skip
            found.add(family, "histogram", f"{family}_bucket", {**said, "le": "+Inf"}, at, count)
            found.add(family, "histogram", f"{family}_count", said, at, count)
            found.add(family, "histogram", f"{family}_sum", said, at, count * 0.06)
