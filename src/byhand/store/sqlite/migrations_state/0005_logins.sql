-- Logins at issuers that began, by the digest of what only whoever began has; and how an account's session began.

CREATE TABLE login (handle TEXT PRIMARY KEY, said TEXT NOT NULL, expires TEXT NOT NULL) WITHOUT ROWID;
ALTER TABLE session ADD COLUMN authentication TEXT NOT NULL DEFAULT '';
