"""Mutations of DNS, load balancer and monitoring."""

from __future__ import annotations

from tests.policy.draft import GONE, drop, put, relink, unprotect
from tests.policy.mutation import BACKEND, BOX, Mutation

TRAFFIC = (
    Mutation("elb-loadbalancer-logged", "no one knows who asked for what", put("front-alb", GONE, "accessLogs")),
    Mutation("elb-loadbalancer-logged", "the logs stop", put("front-alb", False, "accessLogs", "enabled")),
    Mutation("elb-loadbalancer-filtered", "a flood reaches the pods", drop("front-firewall-association")),
    Mutation(
        "elb-loadbalancer-filtered",
        "one address takes all the room",
        put("front-firewall-acl", {"count": {}}, "rules", 2, "action"),
    ),
    Mutation(
        "elb-loadbalancer-filtered",
        "AWS's rules block a call for help",
        put("front-firewall-acl", {"none": {}}, "rules", 5, "overrideAction"),
    ),
    Mutation("vpc-traffic-encrypted", "a tap inside the VPC reads health information", drop("network-encryption")),
    Mutation(
        "s3-bucket-encrypted",
        "Elastic Load Balancing cannot write its logs",
        put("front-logs-encryption", "aws:kms", "rules", 0, "applyServerSideEncryptionByDefault", "sseAlgorithm"),
    ),
    Mutation("route53-healthcheck-feeds-a-record", "people reach a dead site", relink("traffic-api", "healthCheckId")),
    Mutation(
        "route53-healthcheck-feeds-a-record",
        "a failover moves no one",
        relink("traffic-checks-web", "childHealthchecks", "traffic-checks-app"),
    ),
    Mutation("route53-record-detection-in-time", "people wait for minutes", put("traffic-api", 300, "ttl")),
    Mutation(
        "route53-healthcheck-fast",
        "detection takes three times as long",
        put("traffic-checks-app", 30, "requestInterval"),
    ),
    Mutation(
        "route53-healthcheck-fast",
        "one lost packet moves the traffic",
        put("traffic-checks-crisis", 1, "failureThreshold"),
    ),
    Mutation(
        "route53-healthcheck-fast", "a port answers and the platform does not", put("traffic-checks-app", "TCP", "type")
    ),
    Mutation("route53-healthcheck-fast", "a check never fails", put("traffic-checks-crisis", True, "disabled")),
    Mutation(
        "route53-healthcheck-fast",
        "an error page moves the traffic back to a site that takes no writes",
        put("traffic-checks-yields", "HTTPS", "type"),
    ),
    Mutation(
        "route53-healthcheck-fast",
        "any answer of the peer moves the traffic",
        put("traffic-checks-peer-leads", GONE, "searchString"),
    ),
    Mutation(
        "route53-healthcheck-fast", "a failover moves no one", put("traffic-checks-web", 1, "childHealthThreshold")
    ),
    Mutation("route53-record-short-lived", "clients stay for an hour", put("traffic-api", 3600, "ttl")),
    Mutation(
        "route53-record-moves-alone",
        "a lost hotline moves the website",
        put("traffic-web", True, "aliases", 0, "evaluateTargetHealth"),
    ),
    Mutation(
        "route53-record-moves-alone",
        "the page never takes over",
        put("last-resort-apex-first", False, "aliases", 0, "evaluateTargetHealth"),
    ),
    Mutation("route53-record-every-entrance", "people in crisis find no address", drop("traffic-api")),
    Mutation("route53-record-every-entrance", "no traffic can move here", drop("traffic-web")),
    Mutation(
        "route53-record-every-entrance",
        "half of the names stay",
        put("traffic-alive", "SECONDARY", "failoverRoutingPolicies", 0, "type"),
    ),
    Mutation("route53-record-last-resort", "the name with www leads nowhere", drop("last-resort-www-first")),
    Mutation("route53-record-last-resort", "no one finds the page", drop("last-resort-fallback-otherwise")),
    Mutation(
        "route53-record-last-resort",
        "everybody gets the page",
        put("last-resort-apex-first", "other.mentalhealthplatform.com", "aliases", 0, "name"),
    ),
    Mutation(
        "cloudfront-distribution-answers-alone",
        "the page is switched off",
        put("last-resort-distribution", False, "enabled"),
    ),
    Mutation(
        "cloudfront-distribution-answers-alone",
        "an origin that does not exist is asked",
        put("last-resort-distribution", GONE, "defaultCacheBehavior", "functionAssociations"),
    ),
    Mutation(
        "cloudfront-distribution-answers-alone",
        "the page stays a draft",
        put("last-resort-function", False, "publish"),
    ),
    Mutation(
        "cloudfront-distribution-answers-alone", "a destroy takes the page", unprotect("last-resort-distribution")
    ),
    Mutation("route53-zone-not-deletable", "all names are gone", unprotect("zone-zone")),
    Mutation("route53-zone-not-deletable", "a destroy empties it first", put("zone-zone", True, "forceDestroy")),
    Mutation(
        "route53-zone-not-deletable",
        "no record changes for hours",
        put("zone-zone", False, "enableAcceleratedRecovery"),
    ),
    Mutation(
        "elb-loadbalancer-not-deletable",
        "a script deletes the entrance",
        put("front-alb", False, "enableDeletionProtection"),
    ),
    Mutation(
        "elb-loadbalancer-drops-bad-headers",
        "a request is smuggled",
        put("front-alb", False, "dropInvalidHeaderFields"),
    ),
    Mutation(
        "elb-listener-tls",
        "messages travel in clear",
        put("front-listener-http", {"type": "forward"}, "defaultActions", 0),
    ),
    Mutation(
        "elb-listener-tls",
        "old ciphers are broken",
        put("front-listener-https", "ELBSecurityPolicy-2016-08", "sslPolicy"),
    ),
    Mutation("elb-listener-tls", "no certificate, no connection", put("front-listener-https", GONE, "certificateArn")),
    Mutation("elb-targetgroup-path-open", "no request reaches detectors", drop("routes-crisis-detector")),
    Mutation("elb-targetgroup-path-open", "no pod is registered", drop("platform-crisis-detector-binding")),
    Mutation(
        "elb-targetgroup-path-open",
        "pods are registered elsewhere",
        relink("platform-backend-binding", "spec", "targets-frontend"),
    ),
    Mutation("elb-targetgroup-path-open", "new pods are never ready", drop("targets-rule-backend")),
    Mutation("elb-targetgroup-path-open", "the group refuses the load balancer", drop("targets-from-3001")),
    Mutation("elb-targetgroup-path-open", "the load balancer may not send", drop("targets-to-8080")),
    Mutation("elb-targetgroup-path-open", "the Service is missing", drop("platform-backend-service")),
    Mutation(
        "elb-targetgroup-path-open",
        "the Service selects nothing",
        put("platform-backend-service", "other", "spec", "selector", "component"),
    ),
    Mutation(
        "elb-targetgroup-path-open", "pods listen elsewhere", put(BACKEND, 3000, *BOX, "ports", 0, "containerPort")
    ),
)

WATCHING = (
    Mutation("cloudwatch-alarm-every-database", "a lost database is silent", drop("alarms-database-1-database-silent")),
    Mutation(
        "cloudwatch-alarm-every-database",
        "no one hears the alarm",
        put("alarms-database-1-database-replica-lag", [], "alarmActions"),
    ),
    Mutation(
        "cloudwatch-alarm-every-database",
        "another database is watched",
        put("alarms-database-1-database-*", "lifeline-primary-9", "dimensions", "DBInstanceIdentifier"),
    ),
    Mutation("prometheus-rule-plan-alerts", "no alert exists", drop("monitoring-rules")),
    Mutation(
        "prometheus-rule-plan-alerts",
        "a lost detector pages no one",
        put("monitoring-rules", [], "spec", "groups", 0, "rules"),
    ),
    Mutation(
        "prometheus-rule-plan-alerts",
        "an engineer finds no page",
        put("monitoring-rules", "https://example.com", "spec", "groups", 0, "rules", 0, "annotations", "runbook_url"),
    ),
    Mutation("prometheus-probe-watches-the-peer", "a dead site is silent", drop("monitoring-probe-peer")),
    Mutation(
        "prometheus-probe-watches-the-peer",
        "a stranger answers for the peer",
        put(
            "monitoring-probe-peer",
            ["http://secondary.mentalhealthplatform.com/health"],
            *("spec", "targets", "staticConfig", "static"),
        ),
    ),
)
