-- Who deletes a doomed blob's bytes, and which database this is. For both databases; see 0001.

-- Whoever marked it, or took it over from somebody who was not done in time; the marks of before are free to take.
ALTER TABLE blobs ADD COLUMN doomed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE blobs ADD COLUMN doomed_at BIGINT NOT NULL DEFAULT 0;

-- `store`: the database's id; `starts`: how often a server was started on it; `strays_since`: older blobs that nobody
-- knows are left alone, as they may be another database's.
CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
