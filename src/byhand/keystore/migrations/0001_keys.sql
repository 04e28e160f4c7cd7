-- Data keys, each wrapped by its month's period key; period keys wrapped by the key-encryption key.
-- Deleting a row is how one section is erased.

CREATE TABLE period (id INTEGER PRIMARY KEY, month TEXT NOT NULL UNIQUE, wrapped BLOB);
CREATE TABLE data_key (number INTEGER PRIMARY KEY, period INTEGER NOT NULL, wrapped BLOB NOT NULL);
