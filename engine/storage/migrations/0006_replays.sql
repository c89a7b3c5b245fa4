-- Whether somebody was told of a request's jobs who sent it again. For both databases; see 0001.

-- Such jobs are not withdrawn any more, whatever becomes of the first answer.
ALTER TABLE requests ADD COLUMN replayed BIGINT NOT NULL DEFAULT 0;
