-- The index of the log: rebuildable, never evidence. Holds what is searched for in the clear.

CREATE TABLE cursor (one INTEGER PRIMARY KEY CHECK (one = 1), next INTEGER NOT NULL);
INSERT INTO cursor VALUES (1, 0);

CREATE TABLE record (idx INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, intervention TEXT NOT NULL,
                     person TEXT NOT NULL, recorded TEXT NOT NULL);

CREATE TABLE intervention (
  id TEXT NOT NULL UNIQUE, first INTEGER PRIMARY KEY, head INTEGER NOT NULL, phase TEXT NOT NULL,
  person TEXT NOT NULL, action TEXT NOT NULL, system TEXT NOT NULL, type TEXT NOT NULL, target TEXT NOT NULL,
  point TEXT NOT NULL, environment TEXT NOT NULL, tier TEXT NOT NULL, code TEXT NOT NULL, declared TEXT NOT NULL,
  changed TEXT NOT NULL, due TEXT NOT NULL, until TEXT NOT NULL, executor TEXT NOT NULL, caused_by TEXT NOT NULL, state BLOB NOT NULL,
  words TEXT NOT NULL);
CREATE INDEX intervention_person ON intervention (person, first);
CREATE INDEX intervention_action ON intervention (action, first);
CREATE INDEX intervention_target ON intervention (target, first);
CREATE INDEX intervention_point ON intervention (point, first);
CREATE INDEX intervention_phase ON intervention (phase, first);
CREATE INDEX intervention_changed ON intervention (changed);
CREATE INDEX intervention_due ON intervention (due) WHERE due <> '';
CREATE INDEX intervention_executor ON intervention (executor) WHERE executor <> '';
CREATE INDEX intervention_cause ON intervention (caused_by) WHERE caused_by <> '';

CREATE VIRTUAL TABLE search USING fts5 (words, content = 'intervention', content_rowid = 'first');
CREATE TRIGGER words_added AFTER INSERT ON intervention BEGIN
  INSERT INTO search (rowid, words) VALUES (new.first, new.words); END;
CREATE TRIGGER words_changed AFTER UPDATE OF words ON intervention WHEN old.words IS NOT new.words BEGIN
  INSERT INTO search (search, rowid, words) VALUES ('delete', old.first, old.words);
  INSERT INTO search (rowid, words) VALUES (new.first, new.words); END;

CREATE TABLE text (person TEXT NOT NULL, digest TEXT NOT NULL, record TEXT NOT NULL,
                   PRIMARY KEY (person, digest)) WITHOUT ROWID;
