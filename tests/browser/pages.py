"""The pages that tests open and screenshots show, on the sample and an incident of today."""

from __future__ import annotations

from urllib.parse import quote

from tests.shop_incident import ALERT

TILL = quote("registry.corner-shop.example/till:1.0.0", safe="")
BASKETS = quote("dataset:s3://corner-shop-lake:features/baskets", safe="")
PAGES = {
    "home": "/",
    "incident": f"/incidents/{ALERT}",
    "incidents": "/incidents",
    "health": "/health",
    "coverage": "/health/N1",
    "executive": "/executive",
    "on-call": "/on-call",
    "debug": "/debug",
    "find": "/find?q=till",
    "running": "/running",
    "drift": "/running?drift=1",
    "changes": "/changes?since=2026-11-01T00:00:00Z",
    "gaps": "/gaps",
    "service": "/services/prod/till",
    "artifact": f"/things/{TILL}",
    "lineage": f"/lineage/{TILL}",
    "lineage-list": f"/lineage/{TILL}?view=list",
    "record": "/records/17",
    "log": "/log",
    "keys": "/keys",
    "policies": "/policies",
    "audit": "/audit?from=40",
    "dataset": f"/things/{BASKETS}",
    "model": "/things/what-to-restock-3.safetensors",
}
