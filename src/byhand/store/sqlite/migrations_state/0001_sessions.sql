-- Login challenges and sessions; tokens only as SHA-256.

CREATE TABLE challenge (challenge TEXT PRIMARY KEY, expires TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE session (token TEXT PRIMARY KEY, person TEXT NOT NULL, credential TEXT NOT NULL,
                      began TEXT NOT NULL, expires TEXT NOT NULL) WITHOUT ROWID;
