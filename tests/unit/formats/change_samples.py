"""One document of each format that tells of changes, in the order in which they are tried."""

from __future__ import annotations

from typing import Any, Final

CHANGES: Final[dict[str, Any]] = {
    "cdevents": {
        "context": {
            "specversion": "0.6.0-draft", "id": "1", "source": "/ci",
            "type": "dev.cdevents.build.queued.0.3.0", "timestamp": "2026-01-01T00:00:00Z",
        },
        "subject": {"id": "b1", "content": {}},
    },
    "k8s_audit": {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": "a", "verb": "get",
        "stage": "ResponseComplete",
    },
    "alertmanager": {"version": "4", "groupKey": "{}", "status": "firing", "alerts": []},
    "gitlab_webhook": {
        "object_kind": "push", "ref": "refs/heads/main",
        "project": {"path_with_namespace": "o/r", "web_url": "https://gitlab.com/o/r"},
    },
    "github_webhook": {
        "release": {"tag_name": "v1"}, "action": "published", "sender": {"login": "x"},
        "repository": {"full_name": "o/r", "html_url": "https://github.com/o/r"},
    },
    "flux": {
        "involvedObject": {"kind": "Kustomization", "name": "apps", "namespace": "flux-system"},
        "reason": "Progressing", "reportingController": "kustomize-controller",
        "severity": "info", "timestamp": "2026-01-01T00:00:00Z",
    },
    "argocd": {
        "app": {
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {"name": "shop"}, "spec": {}, "status": {},
        },
    },
    "terraform": {
        "format_version": "1.2", "terraform_version": "1.9.0",
        "resource_changes": [
            {"address": "a.b", "change": {"actions": ["create"], "after": {"size": 1}}},
        ],
    },
    "launchdarkly": {"_id": "1", "kind": "project", "accesses": [], "date": 1},
    "unleash": {
        "type": "feature-created", "createdBy": "x", "createdAt": "2026-01-01T00:00:00Z",
        "featureName": "dark",
    },
    "split_flags": {
        "name": "dark", "definition": "", "environmentName": "prod", "editor": "x", "time": 1,
    },
    "flagd": {
        "$schema": "https://flagd.dev/schema/v0/flags.json",
        "flags": {
            "dark": {"state": "ENABLED", "variants": {"on": True}, "defaultVariant": "on"},
        },
    },
    "cloudtrail": {
        "eventVersion": "1.08", "eventID": "e1", "eventSource": "s3.amazonaws.com",
        "eventName": "PutBucketPolicy", "eventTime": "2026-01-01T10:00:00Z", "readOnly": False,
        "awsRegion": "eu-west-1", "recipientAccountId": "111122223333",
        "userAgent": "console.amazonaws.com", "requestParameters": {"bucketName": "logs"},
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/jane"},
    },
    "google_audit": {
        "insertId": "i1", "timestamp": "2026-01-01T10:00:00Z",
        "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity",
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": "compute.googleapis.com", "methodName": "v1.compute.instances.delete",
            "resourceName": "projects/p/zones/z/instances/i",
            "authenticationInfo": {"principalEmail": "jane@example.org"},
        },
    },
    "azure_activity": {
        "time": "2026-01-01T10:00:00Z", "correlationId": "c1", "category": "Administrative",
        "resourceId": "/SUBSCRIPTIONS/S/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.STORAGE/"
        "STORAGEACCOUNTS/A",
        "operationName": "MICROSOFT.STORAGE/STORAGEACCOUNTS/WRITE", "resultType": "Success",
        "identity": {"claims": {"upn": "jane@example.org", "appid": "x"}},
    },
}  # fmt: skip
