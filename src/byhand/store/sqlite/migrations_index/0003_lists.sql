-- Made for lists of accesses and findings, and for classes: everything is thrown away, and indexed anew from the log.

DELETE FROM record;
DELETE FROM intervention;
DELETE FROM value;
DELETE FROM facet;
DELETE FROM rollup;
DELETE FROM text;
INSERT INTO search (search) VALUES ('delete-all');
UPDATE cursor SET next = 0;

ALTER TABLE intervention ADD COLUMN classification TEXT NOT NULL DEFAULT '';

-- Records that stand in a list of their own, found as interventions are: one inverted list for each word and for each
-- value, in the order of the log. What is shown of them is read from the log.
CREATE VIRTUAL TABLE listed USING fts5 (words, terms, content = '', columnsize = 0);
CREATE TABLE listing (place INTEGER PRIMARY KEY, recorded INTEGER NOT NULL);
CREATE INDEX listing_recorded ON listing (recorded);
