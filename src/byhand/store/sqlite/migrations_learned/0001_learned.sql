-- What each follower learned, and up to which entry of the log.

CREATE TABLE learned (follower TEXT PRIMARY KEY, cursor INTEGER NOT NULL, state BLOB NOT NULL);
