-- The log's entries and everything that must move with them, in one transaction.
-- The triggers are a guard rail against mistakes, not the proof: whoever owns the file can drop them.

CREATE TABLE home (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE entry (idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL);
CREATE TABLE payload (idx INTEGER PRIMARY KEY, sealed BLOB NOT NULL);

-- Record ids and claims: each may be taken once, for ever.
CREATE TABLE name (name TEXT PRIMARY KEY, idx INTEGER NOT NULL, mac BLOB NOT NULL) WITHOUT ROWID;

-- The last entry of each chain; rebuildable from the leaves.
CREATE TABLE chain (name TEXT PRIMARY KEY, head INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE tile (level INTEGER NOT NULL, number INTEGER NOT NULL, hashes BLOB NOT NULL,
                   PRIMARY KEY (level, number));

CREATE TABLE tree (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, edge BLOB NOT NULL,
                   recorded TEXT NOT NULL, administration INTEGER);
INSERT INTO tree VALUES (1, 0, x'', '', NULL);

CREATE TABLE published (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, note BLOB NOT NULL);

CREATE TRIGGER entry_stays BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END;
CREATE TRIGGER entry_kept BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'entries are never deleted'); END;
CREATE TRIGGER tile_stays BEFORE UPDATE ON tile BEGIN SELECT RAISE(ABORT, 'tiles are never changed'); END;
CREATE TRIGGER tile_kept BEFORE DELETE ON tile BEGIN SELECT RAISE(ABORT, 'tiles are never deleted'); END;
CREATE TRIGGER name_stays BEFORE UPDATE ON name BEGIN SELECT RAISE(ABORT, 'names are never changed'); END;
CREATE TRIGGER name_kept BEFORE DELETE ON name BEGIN SELECT RAISE(ABORT, 'names are never deleted'); END;
