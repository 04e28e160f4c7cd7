-- Made for searching a million records: everything is thrown away, and indexed anew from the log.

DROP TABLE IF EXISTS search;
DROP TABLE IF EXISTS intervention;
DROP TABLE IF EXISTS record;
DROP TABLE IF EXISTS text;
UPDATE cursor SET next = 0;

CREATE TABLE record (idx INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, intervention TEXT NOT NULL,
                     person TEXT NOT NULL, recorded TEXT NOT NULL);

CREATE TABLE intervention (
  id TEXT NOT NULL UNIQUE, first INTEGER PRIMARY KEY, head INTEGER NOT NULL, phase TEXT NOT NULL,
  person TEXT NOT NULL, action TEXT NOT NULL, system TEXT NOT NULL, type TEXT NOT NULL, target TEXT NOT NULL,
  point TEXT NOT NULL, environment TEXT NOT NULL, tier TEXT NOT NULL, code TEXT NOT NULL, declared TEXT NOT NULL,
  changed TEXT NOT NULL, due TEXT NOT NULL, until TEXT NOT NULL, executor TEXT NOT NULL, caused_by TEXT NOT NULL, state BLOB NOT NULL,
  words TEXT NOT NULL);
CREATE INDEX intervention_due ON intervention (due) WHERE due <> '';
CREATE INDEX intervention_executor ON intervention (executor) WHERE executor <> '';
CREATE INDEX intervention_cause ON intervention (caused_by) WHERE caused_by <> '';

-- One inverted list for each word and for each value of a column, all in the order of the log: whatever is asked,
-- matches come newest first and nothing is sorted. Values are written as terms: see byhand.store.sqlite.search.
CREATE VIRTUAL TABLE search USING fts5 (words, terms, content = '', columnsize = 0);

-- What matches are counted by, narrow: numbers of values, and seconds since 1970. 0: no value.
CREATE TABLE value (number INTEGER PRIMARY KEY, facet INTEGER NOT NULL, text TEXT NOT NULL, UNIQUE (facet, text));
CREATE TABLE facet (
  first INTEGER PRIMARY KEY, phase INTEGER NOT NULL, person INTEGER NOT NULL, action INTEGER NOT NULL,
  system INTEGER NOT NULL, point INTEGER NOT NULL, tier INTEGER NOT NULL, code INTEGER NOT NULL,
  environment INTEGER NOT NULL, day INTEGER NOT NULL, declared INTEGER NOT NULL, changed INTEGER NOT NULL);
CREATE INDEX facet_declared ON facet (declared);

-- How many interventions have both values of a pair; the number 0 stands for all. pair = one * 2^31 + other.
CREATE TABLE rollup (pair INTEGER PRIMARY KEY, count INTEGER NOT NULL);

CREATE TABLE text (person TEXT NOT NULL, digest TEXT NOT NULL, record TEXT NOT NULL,
                   PRIMARY KEY (person, digest)) WITHOUT ROWID;
