-- Who wants to hear of the ends of jobs, and what was sent to them. For both databases; see 0001.

CREATE TABLE webhook_endpoints (
    id TEXT NOT NULL PRIMARY KEY,
    url TEXT NOT NULL,
    pipeline TEXT,
    -- JSON; all if it is empty.
    topics TEXT NOT NULL,
    secret TEXT NOT NULL,
    -- Signs as well until then.
    old_secret TEXT,
    old_until BIGINT,
    created_at BIGINT NOT NULL,
    delivered_at BIGINT,
    failing_since BIGINT,
    disabled_at BIGINT,
    disabled TEXT
);

-- `ended` is the job as it was then. A delivery in a sender's hands is due again when its lease is over.
CREATE TABLE webhook_deliveries (
    id TEXT NOT NULL PRIMARY KEY,
    endpoint TEXT NOT NULL,
    job TEXT NOT NULL,
    topic TEXT NOT NULL,
    at BIGINT NOT NULL,
    ended TEXT NOT NULL,
    state TEXT NOT NULL,
    due_at BIGINT,
    lease BIGINT NOT NULL DEFAULT 0,
    failures BIGINT NOT NULL DEFAULT 0,
    tried_at BIGINT,
    status BIGINT,
    error TEXT
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint, due_at, id) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (endpoint, id);
CREATE INDEX webhook_deliveries_by_job ON webhook_deliveries (job, id);
