-- What loads and builds found in their inputs, as JSON; NULL in rows of older releases, which is unknown.

ALTER TABLE loads ADD COLUMN inputs TEXT;
ALTER TABLE builds ADD COLUMN seen TEXT;
