-- How far the log was followed, the requests under way, and letters to destinations. No secret, no address.

CREATE TABLE cursor (next INTEGER NOT NULL);
INSERT INTO cursor VALUES (0);
CREATE TABLE request (intervention TEXT PRIMARY KEY, recorded TEXT NOT NULL, expires TEXT NOT NULL,
                      stages TEXT NOT NULL, unheard TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE letter (id TEXT NOT NULL, destination TEXT NOT NULL, about TEXT NOT NULL, content BLOB NOT NULL,
                     written TEXT NOT NULL, due TEXT NOT NULL, until TEXT NOT NULL, tries INTEGER NOT NULL,
                     state TEXT NOT NULL, cause TEXT NOT NULL, tried TEXT NOT NULL,
                     PRIMARY KEY (id, destination)) WITHOUT ROWID;
CREATE INDEX letter_waiting ON letter (destination, due) WHERE state = 'waiting';
CREATE INDEX letter_about ON letter (about);
CREATE INDEX letter_tried ON letter (destination, tried);
