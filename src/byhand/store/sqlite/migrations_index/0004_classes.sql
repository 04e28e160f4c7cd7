-- Made for the class of the strictest record of an intervention: everything is thrown away, and indexed anew from the log.

DELETE FROM record;
DELETE FROM intervention;
DELETE FROM value;
DELETE FROM facet;
DELETE FROM rollup;
DELETE FROM text;
DELETE FROM listing;
INSERT INTO search (search) VALUES ('delete-all');
INSERT INTO listed (listed) VALUES ('delete-all');
UPDATE cursor SET next = 0;
