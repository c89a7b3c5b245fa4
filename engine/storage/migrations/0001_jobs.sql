-- One schema for SQLite and PostgreSQL, of BIGINT and TEXT only; times in milliseconds since 1970.
-- For PostgreSQL `WITHOUT ROWID` is left out, and text is compared by bytes.
-- `shard` columns spread what every transaction writes over several rows, so that writers do not queue for one.

CREATE TABLE plans (
    digest TEXT NOT NULL PRIMARY KEY,
    pipeline TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- The plugins of a plan. `needed`: nothing stands in for it, so the job waits while its breaker is open.
CREATE TABLE plan_plugins (
    plan TEXT NOT NULL,
    plugin TEXT NOT NULL,
    title TEXT NOT NULL,
    needed BIGINT NOT NULL,
    PRIMARY KEY (plan, plugin)
) WITHOUT ROWID;
CREATE INDEX plan_plugins_by_plugin ON plan_plugins (plugin);

-- `loose`: something stopped to refer to it, so it may be garbage. `doomed`: it is, and its bytes may be gone.
CREATE TABLE blobs (
    digest TEXT NOT NULL PRIMARY KEY,
    length BIGINT NOT NULL,
    doomed BIGINT NOT NULL DEFAULT 0,
    loose BIGINT NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX blobs_loose ON blobs (digest) WHERE loose = 1;
CREATE INDEX blobs_doomed ON blobs (digest) WHERE doomed = 1;

CREATE TABLE jobs (
    id TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    pipeline TEXT NOT NULL,
    plan TEXT NOT NULL,
    original TEXT NOT NULL,
    length BIGINT NOT NULL,
    -- 0 interactive, 1 bulk.
    lane BIGINT NOT NULL,
    owner TEXT NOT NULL,
    filename TEXT,
    turn BIGINT NOT NULL,
    lease BIGINT NOT NULL DEFAULT 0,
    worker TEXT,
    heartbeat_at BIGINT,
    due_at BIGINT,
    errors BIGINT NOT NULL DEFAULT 0,
    rescues BIGINT NOT NULL DEFAULT 0,
    redrives BIGINT NOT NULL DEFAULT 0,
    pass BIGINT NOT NULL DEFAULT 0,
    parked_on TEXT,
    cost BIGINT NOT NULL,
    submitted_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    failure TEXT
);
CREATE INDEX jobs_claim ON jobs (lane, turn, id) WHERE state = 'queued';
CREATE INDEX jobs_due ON jobs (due_at) WHERE state = 'retry-waiting';
CREATE INDEX jobs_heartbeat ON jobs (heartbeat_at) WHERE state = 'running';
CREATE INDEX jobs_parked ON jobs (parked_on, submitted_at, id) WHERE state = 'parked';
CREATE INDEX jobs_to_park ON jobs (plan, pass) WHERE state IN ('queued', 'retry-waiting');
CREATE INDEX jobs_old ON jobs (finished_at) WHERE state IN ('succeeded', 'cancelled');
CREATE INDEX jobs_by_pipeline ON jobs (pipeline, state, id);

-- Which jobs need an original. Not an index of `jobs`: PostgreSQL would write it anew with every change of state.
CREATE TABLE originals (
    digest TEXT NOT NULL,
    job TEXT NOT NULL,
    PRIMARY KEY (digest, job)
) WITHOUT ROWID;

CREATE TABLE renditions (
    job TEXT NOT NULL,
    name TEXT NOT NULL,
    blob TEXT NOT NULL,
    length BIGINT NOT NULL,
    media_type TEXT NOT NULL,
    width BIGINT NOT NULL,
    height BIGINT NOT NULL,
    step_key TEXT NOT NULL,
    PRIMARY KEY (job, name)
) WITHOUT ROWID;
CREATE INDEX renditions_by_blob ON renditions (blob);

CREATE TABLE reports (
    job TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
);

CREATE TABLE errors (
    job TEXT NOT NULL,
    lease BIGINT NOT NULL,
    at BIGINT NOT NULL,
    worker TEXT NOT NULL,
    failure TEXT NOT NULL,
    PRIMARY KEY (job, lease)
) WITHOUT ROWID;

-- `job` is the first of `jobs`; the key is forgotten with it.
CREATE TABLE requests (
    owner TEXT NOT NULL,
    request_key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    job TEXT NOT NULL,
    jobs TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (owner, request_key)
) WITHOUT ROWID;
CREATE INDEX requests_by_job ON requests (job);

CREATE TABLE dead (
    job TEXT NOT NULL PRIMARY KEY,
    pipeline TEXT NOT NULL,
    plan TEXT NOT NULL,
    original TEXT NOT NULL,
    length BIGINT NOT NULL,
    filename TEXT,
    failure TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    died_at BIGINT NOT NULL,
    redrives BIGINT NOT NULL
);
CREATE INDEX dead_by_time ON dead (died_at, job);
CREATE INDEX dead_by_pipeline ON dead (pipeline, died_at, job);
CREATE INDEX dead_by_fingerprint ON dead (fingerprint, died_at, job);

CREATE TABLE dead_groups (
    fingerprint TEXT NOT NULL PRIMARY KEY,
    pipeline TEXT NOT NULL,
    n BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    failure TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE counters (
    pipeline TEXT NOT NULL,
    state TEXT NOT NULL,
    shard BIGINT NOT NULL,
    n BIGINT NOT NULL,
    PRIMARY KEY (pipeline, state, shard)
) WITHOUT ROWID;

-- Start-time fair queueing: the last turn that an owner was given, and the last that was claimed.
CREATE TABLE owners (
    owner TEXT NOT NULL,
    lane BIGINT NOT NULL,
    turn BIGINT NOT NULL,
    PRIMARY KEY (owner, lane)
) WITHOUT ROWID;
CREATE TABLE clocks (
    lane BIGINT NOT NULL,
    shard BIGINT NOT NULL,
    turn BIGINT NOT NULL,
    PRIMARY KEY (lane, shard)
) WITHOUT ROWID;

CREATE TABLE breakers (
    plugin TEXT NOT NULL PRIMARY KEY,
    title TEXT NOT NULL,
    state TEXT NOT NULL,
    parked BIGINT NOT NULL
);

CREATE TABLE known_failures (
    step_key TEXT NOT NULL PRIMARY KEY,
    failure TEXT NOT NULL,
    at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX known_failures_by_time ON known_failures (at);
