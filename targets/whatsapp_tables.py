"""The WhatsApp inbox's tables, and the statements its levers make of them.

All times are UTC without a zone, to the millisecond, as Prisma stores them.
"""

from datetime import timedelta
from typing import Any

TABLES = """
CREATE TABLE IF NOT EXISTS public."WebhookEvent" (
  "id" text PRIMARY KEY DEFAULT gen_random_uuid()::text,
  "tenantId" text NOT NULL,
  "eventType" text NOT NULL DEFAULT 'message.status',
  "status" text NOT NULL CHECK ("status" IN ('received', 'processed', 'failed')),
  "error" text,
  "createdAt" timestamp(3) NOT NULL
);
CREATE INDEX IF NOT EXISTS "WebhookEvent_createdAt_idx" ON public."WebhookEvent" ("createdAt");
CREATE TABLE IF NOT EXISTS public."BackgroundJobState" (
  "id" text PRIMARY KEY DEFAULT gen_random_uuid()::text,
  "name" text NOT NULL UNIQUE,
  "status" text NOT NULL CHECK ("status" IN ('ok', 'running', 'failed')),
  "lastRunAt" timestamp(3),
  "lastSuccessAt" timestamp(3),
  "consecutiveFailures" integer NOT NULL DEFAULT 0,
  "lockedAt" timestamp(3)
);
CREATE TABLE IF NOT EXISTS public."Channel" (
  "id" text PRIMARY KEY DEFAULT gen_random_uuid()::text,
  "tenantId" text NOT NULL,
  "name" text NOT NULL,
  "status" text NOT NULL CHECK ("status" IN ('CONNECTED', 'DISCONNECTED')),
  "phoneNumberId" text NOT NULL,
  "wabaId" text NOT NULL,
  "updatedAt" timestamp(3) NOT NULL,
  UNIQUE ("tenantId", "name")
);
CREATE TABLE IF NOT EXISTS public."CampaignRecipient" (
  "id" text PRIMARY KEY DEFAULT gen_random_uuid()::text,
  "campaignId" text NOT NULL,
  "phone" text NOT NULL,
  "sendStatus" text NOT NULL CHECK ("sendStatus" IN ('pending', 'sent', 'failed')),
  "nextRetryAt" timestamp(3)
);
"""
WORKER = "campaign-retry-worker"
NOW = "(now() AT TIME ZONE 'UTC')"

JOB = f"""
  INSERT INTO "BackgroundJobState"
    ("name", "status", "lastRunAt", "lastSuccessAt", "consecutiveFailures", "lockedAt")
  VALUES ('{WORKER}', %(status)s, {NOW} - %(run)s::interval, {NOW} - %(success)s::interval, %(failures)s,
          {NOW} - %(locked)s::interval)
  ON CONFLICT ("name") DO UPDATE SET "status" = excluded."status", "lastRunAt" = excluded."lastRunAt",
    "lastSuccessAt" = excluded."lastSuccessAt", "consecutiveFailures" = excluded."consecutiveFailures",
    "lockedAt" = excluded."lockedAt"
"""
RUN = f"""
  UPDATE "BackgroundJobState" SET "status" = %(outcome)s, "lastRunAt" = {NOW} - %(ago)s, "lockedAt" = NULL,
    "lastSuccessAt" = CASE WHEN %(outcome)s = 'ok' THEN {NOW} - %(ago)s ELSE "lastSuccessAt" END,
    "consecutiveFailures" = CASE WHEN %(outcome)s = 'ok' THEN 0 ELSE "consecutiveFailures" + 1 END
  WHERE "name" = '{WORKER}'
"""
FAILURES = f'UPDATE "BackgroundJobState" SET "consecutiveFailures" = %(count)s WHERE "name" = \'{WORKER}\''
JOB_STATE = f'SELECT *, {NOW} AS now FROM "BackgroundJobState" WHERE "name" = \'{WORKER}\''

NO_RETRIES = 'DELETE FROM "CampaignRecipient" WHERE "nextRetryAt" IS NOT NULL'
RETRIES = f"""
  INSERT INTO "CampaignRecipient" ("campaignId", "phone", "sendStatus", "nextRetryAt")
  SELECT 'spring', '+62811' || n, 'failed', {NOW} - %(ago)s FROM generate_series(1, %(count)s) n
"""
RECIPIENTS = """
  INSERT INTO "CampaignRecipient" ("campaignId", "phone", "sendStatus")
  SELECT 'spring', '+62812' || n, %(status)s FROM generate_series(1, %(count)s) n
"""

EVENTS = f"""
  INSERT INTO "WebhookEvent" ("tenantId", "status", "error", "createdAt")
  SELECT %(tenant)s, %(status)s, CASE WHEN %(status)s = 'failed' THEN 'Provider timeout ' || n END, {NOW} - %(ago)s
  FROM generate_series(1, %(count)s) n
"""
EVENT = f"""
  INSERT INTO "WebhookEvent" ("tenantId", "status", "error", "createdAt")
  VALUES (%(tenant)s, %(status)s, %(error)s, {NOW})
"""
NEWEST_EVENTS = """
  SELECT * FROM "WebhookEvent" WHERE %(status)s::text IS NULL OR "status" = %(status)s
  ORDER BY "createdAt" DESC, "id" LIMIT 100
"""

CHANNELS = f"""
  INSERT INTO "Channel" ("tenantId", "name", "status", "phoneNumberId", "wabaId", "updatedAt")
  SELECT %(tenant)s, 'line-' || n, CASE WHEN n <= %(gone)s THEN 'DISCONNECTED' ELSE 'CONNECTED' END,
         (1060000000 + abs(hashtext(%(tenant)s)) %% 1000000 * 100 + n)::text,
         (2080000000 + abs(hashtext(%(tenant)s)) %% 1000000)::text, {NOW}
  FROM generate_series(1, %(gone)s + %(there)s) n
"""
DISCONNECTED = """
  SELECT "tenantId" AS tenant, count(*) AS disconnected FROM "Channel" WHERE "status" = 'DISCONNECTED'
  GROUP BY "tenantId" ORDER BY "tenantId"
"""
RECONNECT = f"""
  UPDATE "Channel" SET "status" = 'CONNECTED', "updatedAt" = {NOW}
  WHERE "tenantId" = %(tenant)s AND "name" = %(name)s RETURNING "name"
"""

LOOK = f"""
  SELECT j."status" AS job_status, j."consecutiveFailures" AS consecutive_failures,
    extract(epoch FROM {NOW} - j."lastRunAt")::float AS last_run_age_s,
    extract(epoch FROM {NOW} - j."lastSuccessAt")::float AS last_success_age_s,
    extract(epoch FROM {NOW} - j."lockedAt")::float AS lock_age_s,
    (SELECT count(*) FROM "CampaignRecipient" WHERE "sendStatus" = 'failed' AND "nextRetryAt" <= {NOW})
      AS retries_waiting,
    (SELECT count(*) FROM "WebhookEvent" WHERE "status" = 'failed' AND "createdAt" > {NOW} - interval '1 hour')
      AS failed_webhooks_1h
  FROM "BackgroundJobState" j WHERE j."name" = '{WORKER}'
"""

Statement = str | tuple[str, dict[str, Any]]


def job(
    status: str,
    run: timedelta | None,
    success: timedelta | None,
    failures: int,
    locked: timedelta | None,
) -> Statement:
    """A statement that sets the retry worker's row; ages are before now, None is never."""
    values = {"status": status, "run": run, "success": success, "failures": failures, "locked": locked}
    return JOB, values


def channels(tenant: str, disconnected: int, connected: int) -> list[Statement]:
    """Statements that give `tenant` exactly these channels."""
    values = {"tenant": tenant, "gone": disconnected, "there": connected}
    return [('DELETE FROM "Channel" WHERE "tenantId" = %(tenant)s', values), (CHANNELS, values)]


def healthy() -> list[Statement]:
    """Statements that make every table healthy, with two tenants of two channels each."""
    return [
        "DELETE FROM target_clock.held",
        'DELETE FROM "WebhookEvent"',
        'DELETE FROM "CampaignRecipient"',
        'DELETE FROM "Channel"',
        job("ok", timedelta(0), timedelta(0), 0, None),
        *channels("acme", 0, 2),
        *channels("borneo", 0, 2),
    ]
