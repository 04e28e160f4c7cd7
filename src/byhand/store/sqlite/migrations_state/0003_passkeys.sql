-- Passkeys that wait to be enrolled, by the code that their persons read out; how often each enrolled one has signed.

CREATE TABLE passkey_waiting (code TEXT PRIMARY KEY, key TEXT NOT NULL, expires TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE passkey_count (fingerprint TEXT PRIMARY KEY, counter INTEGER NOT NULL) WITHOUT ROWID;
