-- When and from where a token was last used; what tokens there are is in the log.

CREATE TABLE token_use (token TEXT PRIMARY KEY, used TEXT NOT NULL, address TEXT NOT NULL) WITHOUT ROWID;
