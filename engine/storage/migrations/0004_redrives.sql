-- Redrives of dead letters as operations, and what people did. For both databases; see 0001.

CREATE TABLE redrives (
    id TEXT NOT NULL PRIMARY KEY,
    -- Both JSON.
    asked TEXT NOT NULL,
    progress TEXT NOT NULL,
    total BIGINT NOT NULL,
    reason TEXT,
    started_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX redrives_unfinished ON redrives (id) WHERE finished_at IS NULL;

-- What an unfinished operation sent and still has to know: jobs that have not ended, and those that are dead again and
-- must not be sent twice. `redrives` is the job's number then.
CREATE TABLE redrive_jobs (
    redrive TEXT NOT NULL,
    job TEXT NOT NULL,
    redrives BIGINT NOT NULL,
    waiting BIGINT NOT NULL DEFAULT 1,
    PRIMARY KEY (redrive, job)
) WITHOUT ROWID;
CREATE INDEX redrive_jobs_waiting ON redrive_jobs (redrive, job) WHERE waiting = 1;
CREATE INDEX redrive_jobs_by_job ON redrive_jobs (job) WHERE waiting = 1;

CREATE TABLE audit (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    -- JSON.
    detail TEXT NOT NULL
) WITHOUT ROWID;
