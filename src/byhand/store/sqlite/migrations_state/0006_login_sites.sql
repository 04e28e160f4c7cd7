-- From where a login began: of too many, those of whoever began most are forgotten.

ALTER TABLE login ADD COLUMN whose TEXT NOT NULL DEFAULT '';
